"""A "detector" over tiles finds each object once, and sees few tiles at a time."""

import numpy as np
import pytest
from rich.progress import Progress

from od_api.postprocess.batch_non_max_suppression import BatchNonMaxSuppression
from od_api.tiles.tile_merging import TileMerging
from od_api.tiles.tiled_images import TiledImages
from od_api.tiles.tiling import Tiling

# Grey values and their boxes in an image of 100 x 80.
TRUTH = {
    1: (5, 5, 25, 25),
    2: (40, 30, 55, 45),
    3: (70, 0, 90, 12),
    4: (33, 31, 38, 39),
}


def image():
    pixels = np.zeros((100, 80, 3), np.uint8)
    for value, (top, left, bottom, right) in TRUTH.items():
        pixels[top:bottom, left:right] = value
    return pixels


class GreyValues:
    """Finds the bounds of each grey value that it sees; the larger, the surer."""

    def __init__(self):
        self.shapes = []

    def __call__(self, tiles):
        self.shapes.append(tiles.shape)
        return [self._of(tile[..., 0]) for tile in tiles]

    def _of(self, tile):
        values = np.unique(tile[tile > 0])
        places = [np.nonzero(tile == value) for value in values]
        boxes = [[y.min(), x.min(), y.max() + 1, x.max() + 1] for y, x in places]
        return {
            "boxes": np.array(boxes, np.float32).reshape(-1, 4),
            "scores": np.array([len(y) / 1000 for y, _ in places], np.float32),
            "classes": values.astype(int),
        }


def tiled(find, *tiling, at_once=1):
    merging = TileMerging(BatchNonMaxSuppression())
    return TiledImages(find, Tiling(*tiling), merging, at_once)


@pytest.mark.parametrize("at_once", [1, 4])
def test_each_object_is_found_once(at_once):
    """Tiles of 50 x 40 with half in common: each object lies in one of them whole."""
    find = GreyValues()
    with Progress(disable=True) as progress:
        found = tiled(find, 50, 40, 0.5, at_once=at_once)(image(), progress)
        assert not progress.tasks
    boxes = zip(found["classes"].tolist(), found["boxes"].tolist(), strict=True)
    assert sorted(boxes) == sorted((c, list(b)) for c, b in TRUTH.items())
    assert sum(n for n, *_ in find.shapes) == 9
    assert max(n for n, *_ in find.shapes) == at_once
    assert {tuple(rest) for _, *rest in find.shapes} == {(50, 40, 3)}


def test_an_image_that_is_one_tile_is_not_merged():
    """Two equal boxes would not both live."""
    twice = {"boxes": np.ones((2, 4)), "scores": np.ones(2), "classes": np.ones(2)}
    assert tiled(lambda tiles: [twice], 100, 80)(image()) is twice
