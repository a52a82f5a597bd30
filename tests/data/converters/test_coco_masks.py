"""COCO segmentations: by hand, against pycocotools, and malformed."""

import io

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from od_api.data.converters.coco_masks import decode_mask, encode_png, unpack_counts


def test_run_lengths_by_hand():
    """Columns first: 2 zeros, 3 ones, 1 zero fill a 2x3 mask column by column."""
    mask = decode_mask({"size": [2, 3], "counts": [2, 3, 1]}, 3, 2)
    np.testing.assert_array_equal(mask, [[0, 1, 1], [0, 1, 0]])


def test_packed_numbers_by_hand():
    """2 is '2' (48 + 2); 100 = 3 * 32 + 4 is 48 + 32 + 4 = 'T', then 48 + 3 = '3'."""
    assert unpack_counts("2") == [2]
    assert unpack_counts("T3") == [100]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_packed_run_lengths_agree_with_pycocotools(share):
    rng = np.random.default_rng(0)
    for _ in range(5):
        height, width = rng.integers(1, 90, 2)
        mask = np.asfortranarray(rng.random((height, width)) < share, np.uint8)
        code = coco_mask.encode(mask)
        code = {"size": [int(height), int(width)], "counts": code["counts"].decode()}
        np.testing.assert_array_equal(decode_mask(code, width, height), mask)


def test_polygons_are_filled_and_joined():
    squares = [[0, 0, 4, 0, 4, 3, 0, 3], [6, 1, 8, 1, 8, 3, 6, 3]]
    expected = np.zeros((5, 9))
    expected[0:3, 0:4] = 1
    expected[1:3, 6:8] = 1
    np.testing.assert_array_equal(decode_mask(squares, 9, 5), expected)


def test_png_keeps_the_mask():
    mask = np.eye(4, 7, dtype=np.uint8)
    np.testing.assert_array_equal(Image.open(io.BytesIO(encode_png(mask))), mask)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([], "no polygons"),
        ([[1, 2, 3, 4]], "three points"),
        ([[1, 2, 3, 4, 5, 6, 7]], "three points"),
        ([[1, 2, 3, None, 5, 6]], "as numbers"),
        ([[1, 2, 3, float("nan"), 5, 6]], "by far"),
        ([[1, 2, 3, 1e300, 5, 6]], "by far"),
        ([3], "three points"),
        ("text", "neither a list of polygons"),
        ({"size": [2, 3]}, "neither a list of polygons"),
        (
            {"size": [3, 2], "counts": [6]},
            r"its size is \[3, 2\], the image's \(2, 3\)",
        ),
        ({"size": [2, 3], "counts": [5]}, "do not add up to 3 x 2"),
        ({"size": [2, 3], "counts": [7, -1]}, "do not add up"),
        ({"size": [2, 3], "counts": ["6"]}, "neither a list of integers"),
        ({"size": [2, 3], "counts": None}, "neither a list of integers"),
        ({"size": [2, 3], "counts": "2~"}, "character '~'"),
        ({"size": [2, 3], "counts": "T"}, "break off"),
        ({"size": [2, 3], "counts": "o" * 999_999}, "a number without end"),
    ],
)
def test_malformed_segmentations(segmentation, message):
    with pytest.raises(ValueError, match=message):
        decode_mask(segmentation, 3, 2)
