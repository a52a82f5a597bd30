"""1 - IoU of decoded boxes."""

import kit
import numpy as np
import pytest

from od_api.losses.weighted_iou import WeightedIOULocalizationLoss


@pytest.mark.parametrize(
    ("box", "other", "value"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 0.0),
        # Overlap 1 x 2 = 2, union 4 + 4 - 2 = 6.
        ([0, 0, 2, 2], [1, 0, 3, 2], 1 - 2 / 6),
        ([0, 0, 2, 2], [5, 5, 6, 6], 1.0),
        ([0, 0, 0, 0], [0, 0, 0, 0], 1.0),
    ],
)
def test_value(box, other, value):
    loss = WeightedIOULocalizationLoss()(np.float32(box), np.float32(other))
    np.testing.assert_allclose(loss, value, rtol=1e-6)


def test_takes_boxes():
    assert WeightedIOULocalizationLoss.on_boxes


def test_kit():
    kit.check_localization_loss(WeightedIOULocalizationLoss())
