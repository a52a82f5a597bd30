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
    sys.path += [str(_TESTS / "golden"), str(_TESTS / "parity")]
    import old_names
    import old_two_stage_names
    import tensorflow as tf

    from od_api import load_config
    from od_api.checkpoints.checkpoint import Checkpoints
    from od_api.checkpoints.restored_detector import detector_for_inference
    from od_api.core.variables import named_variables

    names = json.loads(_names_file(settings, "old").read_text())
    two_stage = any("RPNConv" in name for name in names)
    old_name = (old_two_stage_names if two_stage else old_names).old_name
    detector, _ = detector_for_inference(load_config(settings["config"]))
    used = set()
    for part, layer in detector.parts.items():
        for variable in layer.variables:
            if variable.path.endswith("seed_generator_state"):
                continue
            name = old_name(part, variable.path, names)
            shape = tuple(variable.shape)
            value = tf.zeros(shape) if name is None else _value(name, shape)
            if name == "conv1_conv/kernel:0":
                value = value[:, :, ::-1]  # Ours is fed BGR, the old one RGB.
            variable.assign(value)
            used.add(name)
    yield {"variables": len(used - {None}), "of": len(names)}
    folder = _new_folder(settings, "ours")
    step = tf.Variable(0, dtype=tf.int64)
    Checkpoints(folder, step=step, model=named_variables(detector.parts)).save()
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


def _new_folder(settings, side):
    folder = pathlib.Path(settings["folder"]) / side / "checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _names_file(settings, side):
    return pathlib.Path(settings["folder"]) / side / "checkpoint" / "names.json"
