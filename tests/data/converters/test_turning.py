"""Boxes and masks turn with the pixels that they belong to."""

import io

import numpy as np
import pytest
from PIL import Image

from od_api.data.converters.coco_masks import encode_png
from od_api.data.converters.convert import Box
from od_api.data.converters.turning import turn_box
from od_api.pictures.decoding import upright


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_stays_on_its_pixels(orientation):
    """A rectangle of ones in 5 rows and 7 columns, turned as pixels and as box."""
    mask = np.zeros((5, 7), np.uint8)
    mask[1:3, 2:6] = 1
    box = Box(2, 1, 6, 3, 1, "cat", mask_png=lambda: encode_png(mask), where="here")
    turned = turn_box(box, orientation, 7, 5)
    expected = upright(mask, orientation)
    rows, columns = np.nonzero(expected)
    edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert (turned.xmin, turned.ymin, turned.xmax, turned.ymax) == edges
    np.testing.assert_array_equal(Image.open(io.BytesIO(turned.mask_png())), expected)
    assert turned.where == "here"


def test_by_hand():
    """Orientation 6 turns clockwise: what was at the left and bottom is at the top."""
    box = turn_box(Box(0, 60, 10, 100, 1, "cat"), 6, 200, 100)
    assert (box.xmin, box.ymin, box.xmax, box.ymax) == (0, 0, 40, 10)
    assert box.mask_png is None
