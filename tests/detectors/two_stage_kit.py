"""Small two-stage detectors with a batch to try them on."""

import numpy as np
import tensorflow as tf
import tiny_two_stage
from google.protobuf import text_format

from od_api.core.registry import build_field
from od_api.core.types import Targets
from od_api.protos import pipeline_pb2

SIZE = 128
SEED = (3, 4)


def detector(name, edit=""):
    """The detector `name` of tiny_two_stage, with fields merged into its message."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_two_stage.MODELS[name], config)
    text_format.Merge(edit, config.model.faster_rcnn)
    return build_field(config, "model")


def copy_weights(source, target):
    """Gives `target` the weights of a detector with the same parts."""
    for name, part in source.parts.items():
        for mine, theirs in zip(target.parts[name].weights, part.weights, strict=True):
            mine.assign(theirs)


def images(batch=2):
    """[B, 128, 128, 3] seeded noise."""
    return 255 * tf.random.stateless_uniform([batch, SIZE, SIZE, 3], (1, 2))


def targets(batch=2, boxes_each=3, masks=False):
    """Seeded ground truth: boxes of 14 to 40 pixels, filled masks where wanted."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 80, (batch, boxes_each, 2))
    size = rng.uniform(14, 40, (batch, boxes_each, 2))
    boxes = np.concatenate([corner, corner + size], axis=-1).astype(np.float32)
    return Targets(
        boxes=tf.constant(boxes),
        classes=tf.constant(rng.integers(0, 5, (batch, boxes_each)), tf.int32),
        weights=tf.ones([batch, boxes_each]),
        valid=tf.ones([batch, boxes_each], tf.bool),
        true_shapes=tf.constant([[SIZE, SIZE]] * batch),
        masks=_filled(boxes) if masks else None,
    )


def _filled(boxes):
    masks = np.zeros([*boxes.shape[:2], SIZE, SIZE], np.uint8)
    flat = zip(masks.reshape(-1, SIZE, SIZE), boxes.reshape(-1, 4), strict=True)
    for mask, box in flat:
        ymin, xmin, ymax, xmax = box.astype(int)
        mask[ymin:ymax, xmin:xmax] = 1
    return tf.constant(masks)


def training_losses(model, truth, jit_compile=False):
    """({name: loss}, {variable path: gradient}) of one training step's forward pass."""
    named = {v.path: v.value for p in model.parts.values() for v in p.trainable_weights}
    x = images(truth.boxes.shape[0])

    def run():
        with tf.GradientTape() as tape:
            predictions = model.call(
                x, truth.true_shapes, training=True, targets=truth, seed=SEED
            )
            losses = model.losses(predictions, truth, SEED)
            total = tf.add_n(list(losses.values()))
        gradients = tape.gradient(total, list(named.values()))
        return losses, dict(zip(named, gradients, strict=True))

    return tf.function(run, autograph=False, jit_compile=jit_compile)()
