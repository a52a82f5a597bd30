"""The old side: writes checkpoints and what their models find.

    PYTHONPATH=OVERLAY OLD/bin/python write_old.py FOLDER NAME ...

FOLDER/NAME then holds `model.txt`, `found.npz`, and the weights as the old API leaves
them: `training/` (a checkpoint with an optimizer's slots), and what its exporter makes,
`exported/` (a SavedModel; with TensorFlow 1 a frozen graph, too).
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# oneDNN's convolutions move the old graph's scores by 3e-4, whoever compares them.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
_HERE = pathlib.Path(__file__).parent
sys.path += [str(_HERE.parents[1] / "tests" / "golden"), str(_HERE)]

import absent_packages  # noqa: E402

absent_packages.replace()

import golden_inputs  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from google.protobuf import text_format  # noqa: E402

_LEAVES = {
    "weights": "kernel",
    "depthwise_weights": "depthwise_kernel",
    "pointwise_weights": "pointwise_kernel",
    "biases": "bias",
}
# Of slim's names; `two_stage_weights.SCALES` has those of Keras'.
_SCALES = {
    r"resnet_v1_\d+/conv1/weights": 1 / 64,
    r"bottleneck_v1/conv3/BatchNorm/gamma": 0.25,
    "(SecondStage|FirstStage).*Predictor/weights": 0.15,
    "SecondStageBoxPredictor/(refined_locations|class_predictions)/weights": 0.15,
    # Separable heads, whose scores would all be 1.
    "WeightShared.*(Box|Class)Predictor/pointwise_(weights|kernel)": 0.05,
}


def main(folder, names):
    import model_texts
    import old_models
    import old_two_stage

    texts = model_texts.texts(old_models, old_two_stage)
    for name in names:
        target = pathlib.Path(folder) / name
        target.mkdir(parents=True, exist_ok=True)
        (target / "model.txt").write_text(texts[name])
        write = _write_tf1 if name.endswith("_tf1") else _write_tf2
        found = write(_pipeline(texts[name]), target)
        np.savez(target / "found.npz", **found)
        print(name, [int(n) for n in found["num_detections"]], flush=True)


def _pipeline(text):
    from object_detection.protos import pipeline_pb2

    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(text, config.model)
    return config


def _images(config):
    kind = config.model.WhichOneof("model")
    size = getattr(config.model, kind).image_resizer.fixed_shape_resizer
    one = [golden_inputs.image(60 + i, size.height, size.width) for i in range(2)]
    return np.stack(one).astype(np.uint8)


def _write_tf2(config, target):
    from object_detection import exporter_lib_v2
    from object_detection.builders import model_builder

    tf.keras.backend.clear_session()
    tf.keras.backend.set_learning_phase(False)
    images = _images(config)
    model = model_builder.build(config.model, is_training=False)
    inputs, shapes = model.preprocess(tf.constant(images, tf.float32))
    model.predict(inputs, shapes)
    variables = list({id(v): v for v in model.variables}.values())
    for variable in variables:
        variable.assign(_weight(variable.name, tuple(variable.shape)))
    optimizer = tf.keras.optimizers.legacy.SGD(0.1, momentum=0.9)
    optimizer._create_all_weights(model.trainable_variables)
    checkpoint = tf.train.Checkpoint(
        step=tf.Variable(7, dtype=tf.int64), model=model, optimizer=optimizer
    )
    manager = tf.train.CheckpointManager(checkpoint, str(target / "training"), 1)
    manager.save()
    exporter_lib_v2.export_inference_graph(
        "image_tensor", config, str(target / "training"), str(target / "exported")
    )
    prediction = model.predict(inputs, shapes)
    found = model.postprocess(dict(prediction), shapes)
    return {k: np.asarray(v) for k, v in found.items() if k in _KEPT} | {
        "images": images
    }


def _write_tf1(config, target):
    from object_detection import exporter
    from object_detection.builders import model_builder

    v1 = tf.compat.v1
    images = _images(config)
    with tf.Graph().as_default(), v1.Session() as session:
        model = model_builder.build(config.model, is_training=False)
        inputs, shapes = model.preprocess(tf.constant(images, tf.float32))
        found = model.postprocess(model.predict(inputs, shapes), shapes)
        v1.train.get_or_create_global_step()
        session.run(v1.global_variables_initializer())
        for variable in v1.global_variables():
            name = variable.name.split(":")[0]
            if name != "global_step":
                variable.load(_weight(name, tuple(variable.shape.as_list())), session)
        for variable in v1.trainable_variables()[:3]:
            slot = v1.get_variable(
                f"{variable.name.split(':')[0]}/Momentum", variable.shape
            )
            session.run(slot.initializer)
        prefix = str(target / "training" / "model.ckpt-7")
        v1.train.Saver().save(session, prefix)
        kept = {k: v for k, v in found.items() if k in _KEPT}
        found = session.run(kept) | {"images": images}
    with tf.Graph().as_default():
        exporter.export_inference_graph(
            "image_tensor", config, prefix, str(target / "exported")
        )
    return found


_KEPT = (
    "detection_boxes",
    "detection_scores",
    "detection_classes",
    "detection_masks",
    "num_detections",
)


def _weight(name, shape):
    import re

    import two_stage_weights

    scope, _, leaf = name.rpartition("/")
    as_keras = f"{scope}/{_LEAVES.get(leaf, leaf)}"
    value = golden_inputs.weight(as_keras, shape)
    scales = [(*one, as_keras) for one in two_stage_weights.SCALES.items()]
    scales += [(*one, name) for one in _SCALES.items()]
    for pattern, scale, said in scales:
        if re.search(pattern, said):
            value = value * scale
    # Of scores that are all 1 no two could be told apart.
    if ("ClassPredictor/bias" in name and "Convolutional" in name) or (
        re.match(r"BoxPredictor_\d/ClassPredictor/biases", name)
    ):
        value = value - 2
    return value


def _as_tensorflow_1():
    """The modules that the old API imports under TensorFlow 1 alone."""
    import importlib.util
    from unittest import mock

    tf.compat.v1.disable_v2_behavior()
    setattr(np, "int", int)  # noqa: B010 (NumPy took it away)
    # Slim's networks are inside of the package, and imported as one of its own.
    package = importlib.util.find_spec("object_detection").origin
    sys.path.append(str(pathlib.Path(package).parent))
    parts = ["tensorflow", "contrib", "image", "python", "ops"]
    for count in range(2, len(parts) + 1):
        sys.modules[".".join(parts[:count])] = mock.MagicMock()
    # TensorFlow 2.15 has the layers below slim under another name.
    sys.modules["tf_keras"] = importlib.import_module("keras.src")
    for layer in ("", ".base", ".convolutional", ".core", ".normalization", ".pooling"):
        name = f"legacy_tf_layers{layer}"
        sys.modules[f"tf_keras.{name}"] = importlib.import_module(f"keras.src.{name}")


if __name__ == "__main__":
    if any(name.endswith("_tf1") for name in sys.argv[2:]):
        _as_tensorflow_1()
    main(sys.argv[1], sys.argv[2:])
