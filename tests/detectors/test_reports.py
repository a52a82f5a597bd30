"""What detectors tell of their losses, prior by prior."""

import numpy as np
import pytest
import tensorflow as tf
from detector_kit import make_detector
from kit import SEED, target_cases


@pytest.mark.parametrize(
    "name, stages", [("ssd", 1), ("faster_rcnn", 2), ("cascade_rcnn", 4)]
)
def test_localization_losses_are_the_sums_of_what_is_reported(name, stages):
    """Weights of stages are in both; priors without an object have nothing."""
    edit = "" if name == "ssd" else "first_stage_localization_loss_weight: 3"
    model = make_detector(name, edit=edit)
    truth = target_cases()["one_image_empty"]
    images = 255 * tf.random.stateless_uniform([2, 128, 128, 3], SEED)
    predictions = model.call(
        images, truth.true_shapes, training=True, targets=truth, seed=SEED
    )
    report = []
    losses = model.losses(predictions, truth, SEED, report)
    assert model.reports and len(report) == stages
    sums = [value for loss, value in losses.items() if "localization" in loss]
    told = [tf.reduce_sum(one.localization) for one in report]
    np.testing.assert_allclose(told, sums, rtol=1e-5)
    for one in report:
        assert one.localization.shape == one.assignment.label.shape
        assert not one.localization.numpy()[one.assignment.label != 1].any()
        empty = ~truth.objects.numpy().any(axis=1)
        assert not one.localization.numpy()[empty].any()
    for loss, value in model.losses(predictions, truth, SEED).items():
        assert value == losses[loss]
