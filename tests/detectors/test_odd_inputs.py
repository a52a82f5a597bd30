"""Odd but valid: one pixel, strips, boxes of a whole image and of less than a pixel."""

import numpy as np
import pytest
import tensorflow as tf
from detector_kit import DETECTORS, make_detector
from kit import SEED, make_targets

# (height, width) of the image, of its padding, and its box.
CASES = {
    "one_pixel": ((1, 1), (1, 1), [0, 0, 1, 1]),
    "strip": ((4, 200), (4, 200), [0, 0, 4, 200]),
    "less_than_a_pixel": ((50, 60), (64, 64), [20, 20, 20.3, 20.2]),
    "no_size": ((50, 60), (64, 64), [20, 20, 20, 20]),
}


@pytest.mark.parametrize("name", DETECTORS)
def test_losses_and_detections_are_finite(name):
    model = make_detector(name, "identity_resizer {}")
    for case, (size, padded, box) in CASES.items():
        truth = make_targets([[box]])._replace(
            true_shapes=tf.constant([size]), masks=tf.ones([1, 1, *padded], tf.uint8)
        )
        images = 255 * tf.random.stateless_uniform([1, *padded, 3], SEED)
        predictions = model.call(
            images, truth.true_shapes, training=True, targets=truth, seed=SEED
        )
        for loss, value in model.losses(predictions, truth, SEED).items():
            assert np.isfinite(value), (case, loss)
        predictions = model.call(images, truth.true_shapes)
        found = model.detect(predictions)
        assert np.isfinite(model.decode(predictions)).all(), case
        assert np.isfinite(found.scores).all() and (found.boxes >= 0).numpy().all()
        assert (found.boxes[..., 2:] <= np.float32(size)).numpy().all(), case


@pytest.mark.parametrize("name", ["faster_rcnn", "rfcn", "mask_rcnn"])
def test_one_proposal_of_one_class_and_none_that_is_sure(name):
    model = make_detector(
        name,
        edit="num_classes: 1 first_stage_max_proposals: 1 second_stage_batch_size: 1 "
        "second_stage_post_processing { "
        "batch_non_max_suppression { score_threshold: 0.999 } }",
    )
    truth = make_targets([[[0, 0, 64, 64]]])._replace(
        true_shapes=tf.constant([[64, 64]]), masks=tf.ones([1, 1, 64, 64], tf.uint8)
    )
    images = tf.zeros([1, 64, 64, 3])
    predictions = model.call(
        images, truth.true_shapes, training=True, targets=truth, seed=SEED
    )
    for loss, value in model.losses(predictions, truth, SEED).items():
        assert np.isfinite(value), loss
    found = model.detect(model.call(images, truth.true_shapes))
    assert found.count.numpy() == [0]
    np.testing.assert_array_equal(found.scores, np.zeros_like(found.scores))
