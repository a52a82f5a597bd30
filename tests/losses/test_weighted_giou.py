"""1 - GIoU of decoded boxes."""

import kit
import numpy as np
import pytest

from od_api.losses.weighted_giou import WeightedGIOULocalizationLoss


@pytest.mark.parametrize(
    ("box", "other", "value"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 0.0),
        # IoU 2/6; the hull, 3 x 2, is the union: no penalty.
        ([0, 0, 2, 2], [1, 0, 3, 2], 1 - 2 / 6),
        # IoU 1/7; hull 3 x 3 = 9, union 7, penalty 2/9.
        ([0, 0, 2, 2], [1, 1, 3, 3], 1 - 1 / 7 + 2 / 9),
        # IoU 0; hull 1 x 4 = 4, union 2, penalty 2/4.
        ([0, 0, 1, 1], [0, 3, 1, 4], 1.5),
        ([0, 0, 0, 0], [0, 0, 0, 0], 1.0),
    ],
)
def test_value(box, other, value):
    loss = WeightedGIOULocalizationLoss()(np.float32(box), np.float32(other))
    np.testing.assert_allclose(loss, value, rtol=1e-6)


def test_pulls_together_what_is_apart():
    """The box lies above the target, so its lower edge must move down."""
    loss = WeightedGIOULocalizationLoss()
    box, target = np.float32([0, 0, 1, 1]), np.float32([5, 0, 6, 1])
    (gradient,) = kit.check_gradients(lambda b: loss(b, target), box)
    assert gradient[2] < 0


def test_takes_boxes():
    assert WeightedGIOULocalizationLoss.on_boxes


def test_kit():
    kit.check_localization_loss(WeightedGIOULocalizationLoss())
