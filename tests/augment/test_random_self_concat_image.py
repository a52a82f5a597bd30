"""RandomSelfConcatImage: once, twice, four times."""

import numpy as np
import pytest
from augment_samples import assert_consistent, assert_equal, sample, seed

from od_api.augment.random_self_concat_image import RandomSelfConcatImage


def concat(vertical, horizontal, before):
    return RandomSelfConcatImage(
        concat_vertical_probability=vertical, concat_horizontal_probability=horizontal
    )(before, seed())


def test_never():
    assert_equal(concat(0, 0, sample()), sample())


@pytest.mark.parametrize(
    ("vertical", "horizontal", "size", "offset"),
    [(1, 0, (80, 60), [40, 0]), (0, 1, (40, 120), [0, 60])],
)
def test_twice(vertical, horizontal, size, offset):
    """The second copy's boxes and keypoints are moved by the image's size."""
    before = sample()
    after = concat(vertical, horizontal, before)
    assert_consistent(after)
    assert after["image"].shape[:2] == size
    np.testing.assert_allclose(after["boxes"][:2], before["boxes"])
    np.testing.assert_allclose(after["boxes"][2:], before["boxes"] + offset * 2)
    np.testing.assert_allclose(after["keypoints"][2:], before["keypoints"] + offset)
    np.testing.assert_array_equal(after["classes"], [0, 1, 0, 1])
    down, right = offset
    lower = np.asarray(after["image"])[down:, right:][:40, :60]
    np.testing.assert_allclose(lower, before["image"])
    masks = np.asarray(after["masks"])
    np.testing.assert_array_equal(
        masks[2:, down:, right:][:, :40, :60], before["masks"]
    )
    assert masks.sum() == 2 * np.asarray(before["masks"]).sum()


def test_four_times():
    after = concat(1, 1, sample())
    assert_consistent(after)
    assert after["image"].shape == (80, 120, 3)
    assert after["boxes"].shape[0] == 8
