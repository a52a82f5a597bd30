"""The same random weights for a network of both sides, as a checkpoint of each.

Every variable gets a value made from its name in the old API, as in tests/parity, so
that both find the same boxes with the same scores and have the same to suppress. Of an
SSD, the biases of the classes are low, as training leaves them: nearly all scores are.
Two differences are left: Keras' ResNets pool with other padding, and have biases before
batch norm, which are zero here.
"""

import json
import pathlib
import re
import shutil
import sys

_TESTS = pathlib.Path(__file__).parents[2] / "tests"
# As focal loss initialises them: probability .01.
_CLASS_BIAS = -4.6


def ours(settings):
    """Needs what `old` has written."""
    import tensorflow as tf

    from od_api import load_config
    from od_api.checkpoints.checkpoint import Checkpoints
    from od_api.checkpoints.importing.old_sources import old_source
    from od_api.checkpoints.restored_detector import detector_for_inference
    from od_api.core.variables import named_variables

    names = json.loads(_names_file(settings, "old").read_text())
    detector, _ = detector_for_inference(load_config(settings["config"]))
    named = named_variables(detector.parts)
    source = old_source(_folder(settings, "old"), named, detector.parts)
    for name, variable in named.items():
        if not name.endswith("seed_generator_state"):
            variable.assign(source.values[name])
    used = {f"{origin}:0" for origin in source.origins.values()} & set(names)
    yield {"variables": len(used), "of": len(names)}
    folder = _new_folder(settings, "ours")
    step = tf.Variable(0, dtype=tf.int64)
    Checkpoints(folder, step=step, model=named).save()
    yield {}


def old(settings):
    sys.path.append(str(_TESTS / "golden"))
    import old_api
    import tensorflow as tf

    config = old_api.load_config(settings["config"])
    from object_detection.builders import model_builder

    model = model_builder.build(config.model, is_training=False)
    images, shapes = model.preprocess(
        tf.zeros([1, settings["side"], settings["side"], 3])
    )
    model.predict(images, shapes)
    variables = {id(v): v for v in model.variables}.values()
    for variable in variables:
        variable.assign(_value(variable.name, tuple(variable.shape)))
    names = sorted({v.name for v in variables})
    yield {"variables": len(names)}
    folder = _new_folder(settings, "old")
    checkpoint = tf.train.Checkpoint(model=model)
    tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1).save()
    _names_file(settings, "old").write_text(json.dumps(names))
    yield {}


def _value(name, shape):
    import two_stage_weights

    value = two_stage_weights.weight(name, shape)
    if re.search("ConvolutionalClassHead.*/bias", name) or re.search(
        "WeightSharedConvolutionalClassHead.*/bias", name
    ):
        return value + _CLASS_BIAS
    return value


def _folder(settings, side):
    return pathlib.Path(settings["folder"]) / side / "checkpoint"


def _new_folder(settings, side):
    folder = _folder(settings, side)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _names_file(settings, side):
    return _folder(settings, side) / "names.json"
