"""RandomPadImage: size, colour and place of what is added."""

import numpy as np
import pytest
from augment_samples import assert_consistent, painted, sample, seed, white_box

from od_api.augment.random_pad_image import RandomPadImage


def test_size_between_once_and_twice():
    sizes = set()
    for number in range(20):
        before = sample()
        after = RandomPadImage()(before, seed(number))
        assert_consistent(after)
        h, w, _ = after["image"].shape
        assert 40 <= h < 80 and 60 <= w < 120
        sizes.add((h, w))
        size = np.asarray(before["boxes"])[:, 2:] - before["boxes"][:, :2]
        np.testing.assert_allclose(
            after["boxes"][:, 2:] - after["boxes"][:, :2], size, atol=1e-4
        )
    assert len(sizes) > 15


def test_one_size_and_a_colour():
    """Minimum and maximum alike: 50 x 90; a corner of the image has moved inside it."""
    augment = RandomPadImage(
        min_image_height=50,
        max_image_height=50,
        min_image_width=90,
        max_image_width=90,
        pad_color=[1, 2, 3],
    )
    before = sample()
    after = augment(before, seed())
    image = np.asarray(after["image"])
    assert image.shape == (50, 90, 3)
    top, left = (after["boxes"] - before["boxes"]).numpy()[0, :2].astype(int)
    inside = image[top : top + 40, left : left + 60]
    np.testing.assert_allclose(inside, before["image"], atol=1e-4)
    assert np.isclose(image, [1, 2, 3]).all(-1).sum() == 50 * 90 - 40 * 60
    np.testing.assert_allclose(
        after["keypoints"] - before["keypoints"], np.tile([top, left], [2, 2, 1])
    )
    ys, _ = np.where(np.asarray(after["masks"])[0])
    assert ys.min() == 8 + top


def test_mean_colour():
    before = sample()
    after = np.asarray(RandomPadImage(min_image_height=60)(before, seed(2))["image"])
    mean = np.asarray(before["image"]).mean((0, 1))
    assert np.isclose(after, mean, atol=1e-2).all(-1).sum() >= 20 * 60


def test_every_place_is_possible():
    """One added row is above or below."""
    augment = RandomPadImage(
        min_image_height=41, max_image_height=41, max_image_width=60
    )
    tops = {float(augment(painted(), seed(n))["boxes"][0, 0]) for n in range(20)}
    assert tops == {8.0, 9.0}


def test_a_smaller_maximum_changes_nothing():
    augment = RandomPadImage(max_image_height=10, max_image_width=10)
    np.testing.assert_array_equal(augment(sample(), seed())["image"], sample()["image"])


@pytest.mark.parametrize("number", range(4))
def test_painted_box_moves_along(number):
    after = RandomPadImage(pad_color=[0, 0, 0])(painted(), seed(number))
    np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))


def test_refused():
    with pytest.raises(ValueError, match="larger than max_image_width, 5"):
        RandomPadImage(min_image_width=9, max_image_width=5)
    with pytest.raises(ValueError, match="max_image_height is 0; it must be"):
        RandomPadImage(max_image_height=0)
    with pytest.raises(ValueError, match="pad_color has 2 values"):
        RandomPadImage(pad_color=[1, 2])
