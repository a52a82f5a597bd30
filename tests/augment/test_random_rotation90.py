"""RandomRotation90: by hand, four times, never."""

import numpy as np
from augment_samples import assert_equal, painted, plain, sample, seed, white_box

from od_api.augment.random_rotation90 import RandomRotation90

ALWAYS = RandomRotation90(probability=1)


def test_by_hand():
    """4 x 6 becomes 6 x 4; the box's right edge 3 is its new top, 6 - 3 = 3."""
    image = np.arange(4 * 6 * 3).reshape([4, 6, 3])
    after = ALWAYS(plain(image, [[0, 1, 2, 3]]), seed())
    np.testing.assert_allclose(after["boxes"], [[3, 0, 5, 2]])
    np.testing.assert_allclose(after["image"], np.rot90(image))


def test_keypoints_and_masks():
    """(16, 20) of a 60 column image goes to (60 - 20, 16)."""
    before = sample([(8.0, 10.0, 24.0, 30.0)])
    after = ALWAYS(before, seed())
    np.testing.assert_allclose(after["keypoints"], [[[40, 16], [50, 8]]])
    turned = np.rot90(np.asarray(before["masks"]), axes=(1, 2))
    np.testing.assert_array_equal(after["masks"], turned)


def test_permutation():
    augment = RandomRotation90(keypoint_rot_permutation=[1, 0], probability=1)
    after = augment(sample([(8.0, 10.0, 24.0, 30.0)]), seed())
    np.testing.assert_allclose(after["keypoints"], [[[50, 8], [40, 16]]])


def test_four_times_is_the_identity():
    before = after = sample()
    for _ in range(4):
        after = ALWAYS(after, seed())
    assert_equal(after, before, atol=1e-5)


def test_painted_box_moves_along():
    after = ALWAYS(painted(), seed())
    np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))


def test_probability_zero_is_never():
    before = sample()
    for number in range(20):
        assert_equal(RandomRotation90(probability=0)(before, seed(number)), before)
