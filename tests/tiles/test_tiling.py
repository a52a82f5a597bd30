"""Tiles cover the image; boxes that they cut are left out where another sees more."""

import itertools

import numpy as np
import pytest

from od_api.core.errors import UserError
from od_api.tiles.tiling import Tiling, Window


def corners(tiling, height, width):
    return [window[:4] for window in tiling.windows(height, width)]


def test_tiles_by_hand():
    """10 wide, tiles of 4 with a quarter in common: 0, 3, 6; 5 high: 0 and 1."""
    assert corners(Tiling(4, 4, 0.25), 5, 10) == [
        (0, 0, 4, 4),
        (0, 3, 4, 7),
        (0, 6, 4, 10),
        (1, 0, 5, 4),
        (1, 3, 5, 7),
        (1, 6, 5, 10),
    ]


@pytest.mark.parametrize("height, width", [(4, 4), (3, 2), (1, 1), (4, 1)])
def test_an_image_no_larger_than_a_tile_is_one(height, width):
    assert corners(Tiling(4, 4, 0.9), height, width) == [(0, 0, height, width)]


def test_only_one_side_is_larger():
    assert corners(Tiling(9, 4, 0.0), 5, 8) == [(0, 0, 5, 4), (0, 4, 5, 8)]


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.2, 0.5, 0.9, 0.999])
def test_every_pixel_is_covered_by_tiles_of_one_size(overlap):
    """And neighbours have at least the overlap in common; none is there twice."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        height, width = rng.integers(1, 90, 2)
        tiling = Tiling(*(int(x) for x in rng.integers(5, 40, 2)), overlap)
        seen = np.zeros((height, width), int)
        windows = tiling.windows(int(height), int(width))
        assert len(set(windows)) == len(windows)
        for window in windows:
            window.of(seen)[:] += 1
            size = window.ymax - window.ymin, window.xmax - window.xmin
            assert size == (min(tiling.height, height), min(tiling.width, width))
        assert seen.min() >= 1
        lefts = sorted({window.xmin for window in windows})
        common = [a + tiling.width - b for a, b in itertools.pairwise(lefts)]
        # A step is at least a pixel.
        wanted = min(tiling.width * overlap - 1e-6, tiling.width - 1)
        assert all(pixels >= wanted for pixels in common)


@pytest.mark.parametrize(
    "text, overlap, words",
    [
        ("640", None, "HxW"),
        ("0x640", None, "HxW"),
        ("640x0", None, "HxW"),
        ("-1x5", None, "HxW"),
        ("6.5x5", None, "HxW"),
        ("640x640x3", None, "HxW"),
        ("640 x 640", None, "HxW"),
        ("", None, "HxW"),
        ("٦x٦", None, "HxW"),
        ("99999999999x5", None, "HxW"),
        ("640x640", 1.0, "below 1"),
        ("640x640", 1.5, "below 1"),
        ("640x640", -0.1, "from 0"),
        ("640x640", float("nan"), "from 0"),
        ("640x640", float("inf"), "below 1"),
        (None, 0.5, "--tiles"),
    ],
)
def test_what_is_no_tiling_is_refused(text, overlap, words):
    with pytest.raises(UserError, match=words):
        Tiling.parsed(text, overlap)


def test_what_a_command_line_says():
    assert Tiling.parsed(None) is None
    assert Tiling.parsed("480x640") == (480, 640, 0.2)
    assert Tiling.parsed("1x1", 0.0) == (1, 1, 0.0)


def test_more_tiles_than_any_image_needs_are_refused():
    with pytest.raises(UserError, match="larger tiles"):
        Tiling(1, 1, 0.0).windows(1000, 1000)


def put_back(window, *boxes, size=(100, 100)):
    found = {"boxes": np.array(boxes, float), "scores": np.arange(len(boxes))}
    return window.put_back(found, *size)["scores"].tolist()


def test_boxes_are_moved_by_the_tile_s_corner():
    found = {"boxes": [[1, 2, 3, 4]], "scores": [0.5]}
    moved = Window(10, 20, 50, 60).put_back(found, 100, 100)
    assert moved["boxes"].tolist() == [[11, 22, 13, 24]]


def test_what_a_neighbour_sees_more_of_is_left_out():
    """Tiles 40 wide at 0, 30 and 60: the middle one is 30..70, seen alone 40..60."""
    _, middle, last = Tiling(100, 40, 0.25).windows(100, 100)
    assert middle.limits[1] == 40 and middle.limits[3] == 60
    boxes = [
        [0, 10, 9, 20],  # cut by nothing
        [0, 0, 9, 5],  # begins at the left edge and ends at 35: the left tile has it
        [0, 0, 9, 20],  # ends at 50, which the left tile does not see
        [0, 0, 9, 10],  # ends where the left tile does: both cut it, both keep it
        [0, 35, 9, 40],  # ends at the right edge, begins at 65: the right tile has it
        [0, 25, 9, 40],  # begins at 55, which the right tile does not see
        [0, 0, 9, 40],  # as wide as the tile
    ]
    assert put_back(middle, *boxes) == [0, 2, 3, 5, 6]
    # Its right edge is the image's.
    assert put_back(last, [0, 35, 9, 40]) == [0]


def test_rows_that_are_no_numbers_are_left_out():
    window = Window(0, 0, 10, 10)
    assert put_back(window, [0, 0, 5, 5], [0, 0, np.nan, 5], [0, 0, np.inf, 5]) == [0]


def test_every_object_is_kept_by_a_tile():
    """Objects of all sizes and places, seen as far as each tile goes."""
    rng = np.random.default_rng(4)
    windows = Tiling(40, 30, 0.3).windows(100, 90)
    for _ in range(300):
        low = rng.uniform(0, 80, 2)
        top, left = low
        bottom, right = np.minimum(low + rng.uniform(4, 70, 2), [100, 90])
        kept = []
        for window in windows:
            seen = np.array(
                [
                    max(top, window.ymin) - window.ymin,
                    max(left, window.xmin) - window.xmin,
                    min(bottom, window.ymax) - window.ymin,
                    min(right, window.xmax) - window.xmin,
                ]
            )
            if seen[2] > seen[0] and seen[3] > seen[1]:
                kept += put_back(window, seen, size=(100, 90))
        assert kept
