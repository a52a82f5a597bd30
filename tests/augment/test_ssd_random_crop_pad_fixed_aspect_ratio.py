"""SSDRandomCropPadFixedAspectRatio: every result has the one shape."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_consistent, painted, plain, seed, white_box

from od_api.augment.ssd_random_crop_pad_fixed_aspect_ratio import (
    SSDRandomCropPadFixedAspectRatio,
    SSDRandomCropPadFixedAspectRatioOperation,
)

# Leaves the image whole.
WHOLE = SSDRandomCropPadFixedAspectRatioOperation(random_coef=1.0)


@pytest.mark.parametrize("aspect_ratio", [1.0, 2.0])
def test_aspect_ratio(aspect_ratio):
    """Up to rounding; boxes stay on the white."""
    augment = SSDRandomCropPadFixedAspectRatio(aspect_ratio=aspect_ratio)
    for number in range(12):
        after = augment(painted(), seed(number))
        assert_consistent(after)
        h, w, _ = after["image"].shape
        assert abs(w - aspect_ratio * h) <= aspect_ratio
        if after["boxes"].shape[0]:
            np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))


@pytest.mark.parametrize(
    ("low", "high", "smallest", "largest"),
    [
        # A square around 40 x 60 is 60; twice the height allows it up to 80.
        ((), (), 60, 80),
        # Three times the size: up to 120, from 1.5 x 60 = 90.
        ((1.5, 1.5), (3, 3), 90, 120),
        ((1, 1), (1, 1), 60, 60),
    ],
)
def test_padding_by_hand(low, high, smallest, largest):
    """The whole 40 x 60 image at the top left of a square, the rest black."""
    augment = SSDRandomCropPadFixedAspectRatio(
        operations=[WHOLE], min_padded_size_ratio=low, max_padded_size_ratio=high
    )
    sides = set()
    for number in range(10):
        after = augment(plain(tf.ones([40, 60, 3]), [[8, 10, 24, 30]]), seed(number))
        h, w, _ = after["image"].shape
        assert h == w
        sides.add(h)
        np.testing.assert_array_equal(np.asarray(after["image"])[:40, :60], 1)
        assert np.asarray(after["image"]).sum() == 40 * 60 * 3
        np.testing.assert_allclose(after["boxes"], [[8, 10, 24, 30]])
    assert smallest <= min(sides) and max(sides) <= largest


def test_graph_gives_the_same_shape():
    """Where TensorFlow 2.21 would turn a maximum of two edges into a leaky ReLU."""
    augment = tf.function(SSDRandomCropPadFixedAspectRatio(operations=[WHOLE]))
    for number in range(4):
        h, w, _ = augment(painted(), seed(number))["image"].shape
        assert h == w >= 60
