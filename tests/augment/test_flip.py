"""What both flips share: the axis, keypoints, the probability."""

import numpy as np
import pytest
from augment_samples import assert_equal, plain, sample, seed

from od_api.augment._flip import RandomFlip


class Flip(RandomFlip):
    def __init__(self, axis, **settings):
        super().__init__(**settings)
        self.axis = axis


@pytest.mark.parametrize(
    ("axis", "box"),
    [
        # Rows 1..2 of 4 become 4 - 2..4 - 1; columns 0..3 of 6 become 6 - 3..6 - 0.
        (0, [2, 0, 3, 3]),
        (1, [1, 3, 2, 6]),
    ],
)
def test_the_axis_is_turned_and_the_other_stays(axis, box):
    image = np.arange(4 * 6 * 3).reshape([4, 6, 3])
    after = Flip(axis, probability=1)(plain(image, [[1, 0, 2, 3]]), seed())
    np.testing.assert_allclose(after["boxes"], [box])
    np.testing.assert_allclose(after["image"], np.flip(image, axis))


@pytest.mark.parametrize("axis", [0, 1])
def test_twice_is_the_identity(axis):
    """The permutation (1, 0) exchanges both keypoints, twice."""
    flip = Flip(axis, keypoint_flip_permutation=[1, 0], probability=1)
    before = sample()
    once = flip(before, seed())
    assert np.any(once["keypoints"] != before["keypoints"])
    assert_equal(flip(once, seed()), before, atol=1e-5)


def test_never_and_about_half():
    before = sample()
    settings = {"keypoint_flip_permutation": [0, 1]}
    for number in range(10):
        assert_equal(Flip(1, probability=0, **settings)(before, seed(number)), before)
    flip = Flip(1, probability=0.5, **settings)
    flipped = [
        bool(np.any(flip(before, seed(n))["boxes"] != before["boxes"]))
        for n in range(40)
    ]
    # 20 of 40, within three standard deviations of 3.2.
    assert 10 <= sum(flipped) <= 30


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_probability_is_one(probability):
    with pytest.raises(ValueError, match="probability"):
        Flip(0, probability=probability)
