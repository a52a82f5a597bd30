"""Every meta-architecture on images of several shapes: one table.

A step that is traced for one shape is traced again for images of another width, and
then knows their height alone, or the width alone, or neither. What it computes must be
what the step of static shapes computes, whichever it knows.
"""

import numpy as np
import pytest
import tensorflow as tf
import tiny_two_stage
from detector_kit import DETECTORS, make_detector
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.core.types import Targets
from od_api.data.synthetic import synth
from od_api.export import export
from od_api.protos import image_resizer_pb2
from od_api.train import train

HEIGHT, WIDTH = 96, 128
TRUE_SHAPES = [[96, 100], [70, 128]]
RESIZERS = {
    "keep_aspect_ratio": "keep_aspect_ratio_resizer "
    "{ min_dimension: 96 max_dimension: 160 }",
    "keep_aspect_ratio_padded": "keep_aspect_ratio_resizer "
    "{ min_dimension: 96 max_dimension: 160 pad_to_max_dimension: true }",
    "pad_to_multiple": "pad_to_multiple_resizer { multiple: 32 }",
    "identity": "identity_resizer {}",
    "conditional_shape": "conditional_shape_resizer { size_threshold: 120 }",
    "fixed_shape": "fixed_shape_resizer { height: 96 width: 96 }",
}


def build_resizer(text):
    """The resizer of a text message."""
    message = image_resizer_pb2.ImageResizer()
    return build(text_format.Parse(text, message))


def make_batch(height, width, true_shapes):
    """Seeded images with two boxes each, as {name: tensor}."""
    count = len(true_shapes)
    boxes = np.array([[[8, 10, 38, 34], [20, 30, 60, 74]]] * count, np.float32)
    masks = np.zeros([count, 2, height, width], np.uint8)
    masks[:, :, 24:40, 34:50] = 1
    return {
        "images": 255 * tf.random.stateless_uniform([count, height, width, 3], (1, 2)),
        "boxes": tf.constant(boxes),
        "classes": tf.constant([[1, 3]] * count),
        "weights": tf.ones([count, 2]),
        "valid": tf.ones([count, 2], tf.bool),
        "true_shapes": tf.constant(true_shapes),
        "masks": tf.constant(masks),
    }


def training_step(model):
    """A function of a batch: all losses, and the global norm of the gradients."""
    weights = [v.value for p in model.parts.values() for v in p.trainable_weights]

    def step(batch):
        batch = dict(batch)
        images = batch.pop("images")
        truth = Targets(**batch).with_longest()
        with tf.GradientTape() as tape:
            predictions = model.call(
                images, truth.true_shapes, training=True, targets=truth, seed=(3, 4)
            )
            losses = model.losses(predictions, truth, (3, 4))
            total = tf.add_n(list(losses.values()))
        norm = tf.linalg.global_norm(tape.gradient(total, weights))
        return {**losses, "gradient": norm}

    return step


def evaluation(model):
    """A function of a batch: what evaluation and export compute."""

    def step(batch):
        shapes = batch["true_shapes"]
        predictions = model.call(batch["images"], shapes)
        found = model.detect(predictions)
        return {
            "raw_boxes": model.decode(predictions),
            "boxes": found.boxes,
            "scores": found.scores,
        }

    return step


def traced(function, batch, known):
    """`function` of the batch in a graph that knows these sides of its images."""
    spec = {name: tf.TensorSpec(x.shape, x.dtype) for name, x in batch.items()}
    count, rows = batch["boxes"].shape[:2]
    spec["images"] = tf.TensorSpec([count, *known, 3])
    spec["masks"] = tf.TensorSpec([count, rows, *known], tf.uint8)
    return tf.function(function, input_signature=[spec], autograph=False)(batch)


def assert_close(got, want, tolerance=1e-3):
    for name, value in want.items():
        assert np.isfinite(value).all(), name
        np.testing.assert_allclose(
            got[name], value, rtol=tolerance, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("name", DETECTORS)
def test_a_step_is_the_same_whatever_is_known(name):
    model = make_detector(name)
    batch = make_batch(HEIGHT, WIDTH, TRUE_SHAPES)
    want = traced(evaluation(model), batch, (HEIGHT, WIDTH))
    assert_close(traced(evaluation(model), batch, (None, WIDTH)), want)
    want = traced(training_step(model), batch, (HEIGHT, WIDTH))
    assert_close(traced(training_step(model), batch, (HEIGHT, None)), want)


@pytest.mark.parametrize("name", ["ssd", "rfcn"])
def test_every_resizer(name):
    """One function for the images of all of them, as evaluation has it."""
    model = make_detector(name, "identity_resizer {}")
    step = tf.function(evaluation(model), autograph=False, reduce_retracing=True)
    for message in RESIZERS.values():
        resizer = build_resizer(message)
        for sizes in ([(80, 96)], [(80, 128)], [(120, 96)], [(50, 120), (120, 50)]):
            resized = [resizer(tf.zeros([*size, 3])) for size in sizes]
            height, width = np.max([image.shape[:2] for image, _ in resized], axis=0)
            batch = make_batch(height, width, [shape.numpy() for _, shape in resized])
            found = step(batch)
            limits = tf.cast(batch["true_shapes"], tf.float32)[:, None]
            assert np.isfinite(found["raw_boxes"]).all()
            assert (found["boxes"] >= 0).numpy().all()
            assert (found["boxes"][..., 2:] <= limits).numpy().all()
    assert step.experimental_get_tracing_count() <= 4


def test_trained_evaluated_and_exported(tmp_path):
    """R-FCN as COCO's configs have it: short sides are equal, long ones differ."""
    sizes = [(96, 96), (96, 128), (96, 160)]
    for i, size in enumerate(sizes):
        synth.generate_records(
            tmp_path / f"data{i}", num_images=2, seed=i, image_size=size
        )
    config = tiny_two_stage.config_for(
        tmp_path,
        tmp_path / "data*",
        "rfcn",
        f"model.faster_rcnn.image_resizer={{{RESIZERS['keep_aspect_ratio']}}}",
        "train_config.batch_size=1",
        "eval_config.batch_size=2",
        *(
            f'{reader}.label_map_path="{tmp_path}/data0/label_map.pbtxt"'
            for reader in ("train_input_reader", "eval_input_reader")
        ),
    )
    outcome = train(config, tmp_path / "model", num_steps=6)
    assert np.isfinite(outcome.metrics["Loss/total_loss"])
    export(config, tmp_path / "model", tmp_path / "exported")
    loaded = tf.saved_model.load(str(tmp_path / "exported" / "saved_model"))
    for size in [*sizes, (128, 96)]:
        found = loaded(tf.zeros([1, *size, 3], tf.uint8))
        assert np.isfinite(found["raw_detection_boxes"]).all()
        assert (found["detection_boxes"] <= 1).numpy().all()
