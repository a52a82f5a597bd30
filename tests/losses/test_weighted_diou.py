"""1 - DIoU of decoded boxes."""

import kit
import numpy as np
import pytest

from od_api.losses.weighted_diou import WeightedDiouLocalizationLoss


@pytest.mark.parametrize(
    ("box", "other", "value"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 0.0),
        # IoU 1/7; centres sqrt(2) apart, diagonal of 3 x 3: 2 / 18.
        ([0, 0, 2, 2], [1, 1, 3, 3], 1 - 1 / 7 + 2 / 18),
        # IoU 0; centres 3 apart, diagonal of 1 x 4: 9 / 17.
        ([0, 0, 1, 1], [0, 3, 1, 4], 1 + 9 / 17),
        # Inside, in the middle: no distance, IoU 4 / 16.
        ([1, 1, 3, 3], [0, 0, 4, 4], 0.75),
        # Inside, in the corner: centres sqrt(2) apart, diagonal 4 sqrt(2).
        ([0, 0, 2, 2], [0, 0, 4, 4], 0.75 + 2 / 32),
        ([0, 0, 0, 0], [0, 0, 0, 0], 1.0),
    ],
)
def test_value(box, other, value):
    loss = WeightedDiouLocalizationLoss()(np.float32(box), np.float32(other))
    np.testing.assert_allclose(loss, value, rtol=1e-6)


def test_pulls_together_what_is_apart():
    """The box lies above the target, so it must move down."""
    loss = WeightedDiouLocalizationLoss()
    box, target = np.float32([0, 0, 1, 1]), np.float32([5, 0, 6, 1])
    (gradient,) = kit.check_gradients(lambda b: loss(b, target), box)
    assert gradient[2] < 0


def test_takes_boxes():
    assert WeightedDiouLocalizationLoss.on_boxes


def test_kit():
    kit.check_localization_loss(WeightedDiouLocalizationLoss())
