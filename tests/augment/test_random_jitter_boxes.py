"""RandomJitterBoxes: what each mode may and may not do."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_consistent, plain, sample, seed

from od_api.augment.random_jitter_boxes import RandomJitterBoxes

MODES = [
    "DEFAULT",
    "EXPAND",
    "SHRINK",
    "EXPAND_SYMMETRIC",
    "SHRINK_SYMMETRIC",
    "EXPAND_SYMMETRIC_XY",
    "SHRINK_SYMMETRIC_XY",
]
BOX = np.array([40.0, 40.0, 60.0, 80.0])


def jittered(mode, ratio=0.2, box=BOX, number=0):
    """[200, 4]: many copies of a box in a 100 x 120 image."""
    before = plain(tf.zeros([100, 120, 3]), np.tile(box, [200, 1]))
    augment = RandomJitterBoxes(ratio=ratio, jitter_mode=mode)
    return np.asarray(augment(before, seed(number))["boxes"])


@pytest.mark.parametrize("mode", MODES)
def test_growth(mode):
    """The half sizes 10 and 20 change by at most a fifth, in the mode's direction."""
    outward = (jittered(mode) - BOX) * [-1, -1, 1, 1] / [10, 20, 10, 20]
    low = -0.2 if "EXPAND" not in mode else 0.0
    high = 0.2 if "SHRINK" not in mode else 0.0
    assert outward.min() >= low - 1e-4 and outward.max() <= high + 1e-4
    # Half of the range is reached by 200 boxes.
    assert outward.min() < low + 0.05 and outward.max() > high - 0.05
    if "SYMMETRIC" in mode:
        np.testing.assert_allclose(outward[:, :2], outward[:, 2:], atol=1e-4)
    if mode.endswith("XY"):
        np.testing.assert_allclose(outward[:, 0], outward[:, 1], atol=1e-4)
    elif mode != "DEFAULT":
        assert np.abs(outward[:, 0] - outward[:, 1]).max() > 0.05


@pytest.mark.parametrize("mode", MODES)
def test_boxes_stay_inside(mode):
    """A box at the corner that may double; the symmetric modes keep its centre."""
    ratio = 1.0
    boxes = jittered(mode, ratio, np.array([1.0, 1.0, 21.0, 41.0]))
    assert boxes.min() >= 0
    assert (boxes[:, :2] <= boxes[:, 2:]).all()
    if "SYMMETRIC" in mode:
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        np.testing.assert_allclose(centers, np.tile([11.0, 21.0], [200, 1]), atol=1e-4)


def test_only_boxes_change():
    before = sample()
    after = RandomJitterBoxes()(before, seed())
    assert_consistent(after)
    for name in before:
        if name != "boxes":
            assert after[name] is before[name]


def test_ratio_zero_changes_nothing():
    np.testing.assert_allclose(jittered("DEFAULT", 0.0), np.tile(BOX, [200, 1]))


@pytest.mark.parametrize(
    "settings", [{"jitter_mode": "SIDEWAYS"}, {"ratio": -0.1}, {"ratio": 1.5}]
)
def test_refused(settings):
    with pytest.raises(ValueError, match=r"jitter_mode|ratio"):
        RandomJitterBoxes(**settings)
