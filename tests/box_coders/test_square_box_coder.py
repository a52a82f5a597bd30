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


def test_squares_survive():
    coder = SquareBoxCoder(y_scale=2.0, x_scale=3.0, length_scale=4.0)
    anchor, box = np.float32([0, 0, 20, 5]), np.float32([3, 4, 10, 11])
    np.testing.assert_allclose(
        coder.decode(coder.encode(box, anchor), anchor), box, rtol=1e-5
    )


def test_scales_must_be_positive():
    with pytest.raises(ValueError, match="above 0"):
        SquareBoxCoder(length_scale=-1.0)


def test_kit():
    kit.check_box_coder(SquareBoxCoder(), keeps_shape=False)
