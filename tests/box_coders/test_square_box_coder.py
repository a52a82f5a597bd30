"""A box code of three numbers."""

import kit
import numpy as np
import pytest

from od_api.box_coders.square_box_coder import SquareBoxCoder


def test_values():
    """Anchor side 10, centre 5, 5; box 4 x 9, so side 6, its centre at 7, 9.5.

    10 * 2 / 10, 10 * 4.5 / 10, 5 log 0.6. Decoding gives the square of side 6.
    """
    coder = SquareBoxCoder()
    anchor, box = np.float32([0, 0, 10, 10]), np.float32([5, 5, 9, 14])
    code = coder.encode(box, anchor)
    np.testing.assert_allclose(code, [2.0, 4.5, 5 * np.log(0.6)], rtol=1e-6)
    np.testing.assert_allclose(
        coder.decode(code, anchor), [4, 6.5, 10, 12.5], rtol=1e-6
    )


def test_values_in_image_sizes():
    """An image of 100 x 400: sqrt(400 / 100) = 2.

    Anchor 10 x 40 px is 0.1 x 0.1 images, its centre at 0.05, 0.05; the box of 20 x 80
    px is twice that, its centre at 20 px = 0.2 and 100 px = 0.25 images:
    10 * 0.15 / 0.1, 10 * 0.2 / 0.1, 5 log 2.
    """
    coder = SquareBoxCoder(image_shape=(100, 400))
    anchor, box = np.float32([0, 0, 10, 40]), np.float32([10, 60, 30, 140])
    code = coder.encode(box, anchor)
    np.testing.assert_allclose(code, [15, 20, 5 * np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(coder.decode(code, anchor), box, rtol=1e-6)


def test_squares_survive():
    coder = SquareBoxCoder(y_scale=2.0, x_scale=3.0, length_scale=4.0)
    anchor, box = np.float32([0, 0, 20, 5]), np.float32([3, 4, 10, 11])
    np.testing.assert_allclose(
        coder.decode(coder.encode(box, anchor), anchor), box, rtol=1e-5
    )


def test_scales_must_be_positive():
    with pytest.raises(ValueError, match="above 0"):
        SquareBoxCoder(length_scale=-1.0)
    with pytest.raises(ValueError, match="above 0"):
        SquareBoxCoder(y_scale=float("nan"))


def test_codes_beyond_every_number_have_areas():
    """exp(1e4 / 5) is no float32; areas of boxes are, and codes of exp(19) as ever."""
    coder = SquareBoxCoder()
    anchor = np.float32([0, 0, 10, 10])
    ymin, xmin, ymax, xmax = coder.decode(np.full([3], 1e4, np.float32), anchor).numpy()
    assert 1e16 < (ymax - ymin) * (xmax - xmin) < 1e30
    large = coder.decode(np.float32([0, 0] + [5 * 19] * 1), anchor).numpy()
    np.testing.assert_allclose(large[2] - large[0], 10 * np.exp(19), rtol=1e-5)


def test_kit():
    kit.check_box_coder(SquareBoxCoder(), keeps_shape=False)
    kit.check_box_coder(SquareBoxCoder(image_shape=(100, 150)), keeps_shape=False)
