"""RandomHorizontalFlip: by hand, twice, never and always."""

import numpy as np
import pytest
from augment_samples import assert_equal, painted, plain, sample, seed, white_box

from od_api.augment.random_horizontal_flip import RandomHorizontalFlip
from od_api.core.errors import UserError

ALWAYS = RandomHorizontalFlip(keypoint_flip_permutation=[1, 0], probability=1)


def test_by_hand():
    """Columns 1..3 of a 4 x 6 image become 6 - 3..6 - 1 = 3..5; rows stay."""
    image = np.arange(4 * 6 * 3).reshape([4, 6, 3])
    after = ALWAYS(plain(image, [[0, 1, 2, 3]]), seed())
    np.testing.assert_allclose(after["boxes"], [[0, 3, 2, 5]])
    np.testing.assert_allclose(after["image"], image[:, ::-1])


def test_keypoints_change_places():
    """Left and right point exchanged, x mirrored: the box's (y, x) = (16, 20) to 40."""
    before = sample([(8.0, 10.0, 24.0, 30.0)])
    after = ALWAYS(before, seed())
    np.testing.assert_allclose(after["keypoints"], [[[8, 50], [16, 40]]])
    np.testing.assert_array_equal(after["masks"], before["masks"][:, :, ::-1])


def test_keypoints_without_a_permutation():
    with pytest.raises(UserError, match="set keypoint_flip_permutation"):
        RandomHorizontalFlip(probability=1)(sample(), seed())
    with pytest.raises(UserError, match="2 keypoints"):
        RandomHorizontalFlip(keypoint_flip_permutation=[0, 0], probability=1)(
            sample(), seed()
        )


def test_twice_is_the_identity():
    before = sample()
    assert_equal(ALWAYS(ALWAYS(before, seed()), seed()), before, atol=1e-5)


def test_painted_box_moves_along():
    after = ALWAYS(painted(), seed())
    np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))


@pytest.mark.parametrize(("probability", "count"), [(0, 0), (1, 60), (0.5, 30)])
def test_probability(probability, count):
    """Of 60 seeds: none, all, about half."""
    augment = RandomHorizontalFlip(probability=probability)
    before = painted()
    flipped = sum(
        bool(np.any(augment(before, seed(n))["boxes"] != before["boxes"]))
        for n in range(60)
    )
    assert abs(flipped - count) <= (15 if probability == 0.5 else 0)
