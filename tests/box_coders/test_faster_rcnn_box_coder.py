"""The box code of Faster R-CNN."""

import kit
import numpy as np
import pytest

from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder


@pytest.mark.parametrize(
    ("anchor", "box", "code"),
    [
        # Sides .4, .4 and .5, .2; centres .3, .4 and .45, .35:
        # 10 * .15 / .4, 10 * -.05 / .4, 5 log 1.25, 5 log .5.
        (
            (0.1, 0.2, 0.5, 0.6),
            (0.2, 0.25, 0.7, 0.45),
            (3.75, -1.25, 1.1157178, -3.4657359),
        ),
        # Centres 50, 100 and 60, 70; sides 100, 200 and 100, 100.
        ((0, 0, 100, 200), (10, 20, 110, 120), (1.0, -1.5, 0.0, -3.4657359)),
        ((3, 4, 50, 60), (3, 4, 50, 60), (0, 0, 0, 0)),
    ],
)
def test_values_of_the_study(anchor, box, code):
    coder = FasterRcnnBoxCoder()
    anchor, box = np.float32(anchor), np.float32(box)
    np.testing.assert_allclose(coder.encode(box, anchor), code, atol=1e-5)
    np.testing.assert_allclose(coder.decode(np.float32(code), anchor), box, rtol=1e-5)


def test_scales_are_factors_of_the_code():
    box, anchor = np.float32([10, 20, 110, 120]), np.float32([0, 0, 100, 200])
    coder = FasterRcnnBoxCoder(
        y_scale=1.0, x_scale=2.0, height_scale=3.0, width_scale=4.0
    )
    want = [0.1, 2 * -0.15, 0.0, 4 * np.log(0.5)]
    np.testing.assert_allclose(coder.encode(box, anchor), want, atol=1e-6)


def test_scales_must_be_positive():
    with pytest.raises(ValueError, match="above 0"):
        FasterRcnnBoxCoder(height_scale=0.0)


def test_codes_beyond_every_number_have_areas():
    """exp(1e4 / 5) is no float32; areas of boxes are, and codes of exp(19) as ever."""
    coder = FasterRcnnBoxCoder()
    anchor = np.float32([0, 0, 10, 10])
    ymin, xmin, ymax, xmax = coder.decode(np.full([4], 1e4, np.float32), anchor).numpy()
    assert 1e16 < (ymax - ymin) * (xmax - xmin) < 1e30
    large = coder.decode(np.float32([0, 0] + [5 * 19] * 2), anchor).numpy()
    np.testing.assert_allclose(large[2] - large[0], 10 * np.exp(19), rtol=1e-5)


def test_kit():
    kit.check_box_coder(FasterRcnnBoxCoder())
