"""RandomVerticalFlip: by hand, twice, never."""

import numpy as np
from augment_samples import assert_equal, painted, plain, sample, seed, white_box

from od_api.augment.random_vertical_flip import RandomVerticalFlip

ALWAYS = RandomVerticalFlip(keypoint_flip_permutation=[0, 1], probability=1)


def test_by_hand():
    """Rows 0..1 of a 4 x 6 image become 4 - 1..4 - 0 = 3..4; columns stay."""
    image = np.arange(4 * 6 * 3).reshape([4, 6, 3])
    after = ALWAYS(plain(image, [[0, 1, 1, 3]]), seed())
    np.testing.assert_allclose(after["boxes"], [[3, 1, 4, 3]])
    np.testing.assert_allclose(after["image"], image[::-1])


def test_keypoints_and_masks():
    """The centre (16, 20) of a 40 row image goes to (24, 20)."""
    before = sample([(8.0, 10.0, 24.0, 30.0)])
    after = ALWAYS(before, seed())
    np.testing.assert_allclose(after["keypoints"], [[[24, 20], [32, 10]]])
    np.testing.assert_array_equal(after["masks"], before["masks"][:, ::-1])


def test_twice_is_the_identity():
    before = sample()
    assert_equal(ALWAYS(ALWAYS(before, seed()), seed()), before, atol=1e-5)


def test_painted_box_moves_along():
    after = ALWAYS(painted(), seed())
    np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))


def test_probability_zero_is_never():
    before = sample()
    augment = RandomVerticalFlip(keypoint_flip_permutation=[0, 1], probability=0)
    for number in range(20):
        assert_equal(augment(before, seed(number)), before)
