"""The old side: writes the weights that training begins with, and trains twenty steps.

    PYTHONPATH=OVERLAY OLD/bin/python old_side.py FOLDER [NAME ...]

FOLDER/NAME then holds `pipeline.config`, `begin/` (a checkpoint as the old trainer
writes it before its first step) and `losses.json`. The steps are those of the old
trainer, `model_lib_v2.eager_train_step`.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
_ROOT = pathlib.Path(__file__).parents[2]
sys.path.append(str(_ROOT / "tests" / "golden"))

import absent_packages  # noqa: E402

absent_packages.replace()

import batches  # noqa: E402
import numpy as np  # noqa: E402
import old_models  # noqa: E402
import old_two_stage  # noqa: E402
import pipelines  # noqa: E402
import tensorflow as tf  # noqa: E402
import two_stage_weights  # noqa: E402
from google.protobuf import text_format  # noqa: E402
from object_detection import model_lib_v2  # noqa: E402
from object_detection.builders import model_builder, optimizer_builder  # noqa: E402
from object_detection.protos import pipeline_pb2  # noqa: E402


def main(folder, names):
    texts = pipelines.pipelines(old_models.MODELS, old_two_stage.MODELS)
    for name in names or texts:
        target = pathlib.Path(folder) / name
        target.mkdir(parents=True, exist_ok=True)
        (target / "pipeline.config").write_text(texts[name])
        losses = trained(texts[name], target)
        (target / "losses.json").write_text(json.dumps(losses, indent=1))
        print(name, [round(one["total_loss"], 3) for one in losses], flush=True)


def trained(text, target):
    """The losses of each step."""
    config = text_format.Parse(text, pipeline_pb2.TrainEvalPipelineConfig())
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(0)
    tf.keras.backend.set_learning_phase(True)
    model = model_builder.build(config.model, is_training=True)
    resizer = getattr(config.model, config.model.WhichOneof("model")).image_resizer
    size = resizer.fixed_shape_resizer
    data = [_inputs(model, *one) for one in batches.batches(size.height, size.width)]
    _give_weights(model, *data[0])
    counter = tf.Variable(0, trainable=False, dtype=tf.int64, name="global_step")
    settings = config.train_config
    optimizer, _ = optimizer_builder.build(settings.optimizer, global_step=counter)
    checkpoint = tf.train.Checkpoint(step=counter, model=model, optimizer=optimizer)
    tf.train.CheckpointManager(checkpoint, str(target / "begin"), 1).save()

    @tf.function
    def take_step(features, labels):
        losses = model_lib_v2.eager_train_step(
            model,
            features,
            labels,
            settings.unpad_groundtruth_tensors,
            optimizer,
            training_step=counter,
            add_regularization_loss=settings.add_regularization_loss,
            clip_gradients_value=settings.gradient_clipping_by_norm or None,
        )
        counter.assign_add(1)
        return losses

    found = [take_step(*one) for one in data]
    return [
        {name.removeprefix("Loss/"): float(value) for name, value in one.items()}
        for one in found
    ]


def _inputs(model, images, boxes, classes, weights):
    """(features, labels) as the old input pipeline makes them."""
    inputs, shapes = model.preprocess(tf.constant(images))
    one_hot = np.eye(batches.CLASSES, dtype=np.float32)[classes] * weights[..., None]
    features = {
        "image": inputs,
        "true_image_shape": shapes,
        "hash": tf.range(len(images)),
    }
    labels = {
        "num_groundtruth_boxes": tf.constant(weights.sum(1), tf.int32),
        "groundtruth_boxes": tf.constant(boxes),
        "groundtruth_classes": tf.constant(one_hot),
        "groundtruth_weights": tf.constant(weights),
    }
    return features, labels


def _give_weights(model, features, labels):
    """Weights by their names' own numbers, so that deep networks do not overflow."""
    model.provide_groundtruth(
        groundtruth_boxes_list=tf.unstack(labels["groundtruth_boxes"]),
        groundtruth_classes_list=tf.unstack(labels["groundtruth_classes"]),
    )
    model.predict(features["image"], features["true_image_shape"])
    for variable in {id(v): v for v in model.variables}.values():
        shape = tuple(variable.shape)
        variable.assign(two_stage_weights.weight(variable.name, shape))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
