"""RandomSquareCropByScale: a square around a pixel that is not near the border."""

import numpy as np
import pytest
from augment_samples import assert_consistent, painted, sample, seed, white_box

from od_api.augment.random_square_crop_by_scale import RandomSquareCropByScale


def test_sides_are_the_scales():
    """0.5, 0.75 and 1 times the longer side, 60."""
    augment = RandomSquareCropByScale(
        max_border=8, scale_min=0.5, scale_max=1, num_scales=3
    )
    sides = set()
    for number in range(20):
        after = augment(sample(), seed(number))
        assert_consistent(after)
        h, w, _ = after["image"].shape
        assert h == w
        sides.add(h)
    assert sides == {30, 45, 60}


@pytest.mark.parametrize("number", range(6))
def test_painted_box_moves_along(number):
    after = RandomSquareCropByScale(max_border=16)(painted(), seed(number))
    white = white_box(after["image"])
    if white is None:
        assert after["boxes"].shape[0] == 0
    else:
        np.testing.assert_allclose(after["boxes"][0], white)


def test_border():
    """128 is halved until it is at most half of the extent: 16 of 40, 128 of 600."""
    augment = RandomSquareCropByScale()
    assert [int(augment._border(extent)) for extent in (40, 256, 600, 1)] == [
        16,
        128,
        128,
        1,
    ]
    assert int(RandomSquareCropByScale(max_border=0)._border(40)) == 0


def test_centre_keeps_the_border():
    """Border 16 of 40 rows and columns: centres in 16..24, so corners in 1..9."""
    augment = RandomSquareCropByScale(max_border=16, scale_min=0.75, scale_max=0.75)
    before = sample([(18.0, 18.0, 22.0, 22.0)], size=(40, 40))
    for number in range(20):
        box = np.asarray(augment(before, seed(number))["boxes"])[0]
        corner = 18 - box[:2]
        assert (corner >= 1).all() and (corner <= 9).all()


def test_refused():
    with pytest.raises(ValueError, match="num_scales"):
        RandomSquareCropByScale(num_scales=0)
