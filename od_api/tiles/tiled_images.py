"""A detector over the tiles of an image."""

import numpy as np


class TiledImages:
    """Finds what is in an image of any size, tile by tile.

    Each tile is to the detector an image of its own; what it finds there is put back,
    and merged. An image that is one tile gets what the detector finds, unmerged.

    Args:
      find: uint8 or float tiles [n, h, w, 3] -> n dicts of `boxes` [m, 4] in pixels of
        the tile, `scores`, `classes` and what else belongs to the rows.
      tiling: Tiling.
      merging: TileMerging.
      at_once: tiles that `find` gets together.
    """

    def __init__(self, find, tiling, merging, at_once=1):
        self._find = find
        self._tiling = tiling
        self._merging = merging
        self._at_once = at_once

    def __call__(self, image, progress=None):
        """What is found in an image [H, W, 3], a dict as `find` gives it.

        Args:
          progress: a running rich.progress.Progress that shows the tiles; or None.
        """
        height, width = image.shape[:2]
        windows = self._tiling.windows(height, width)
        if len(windows) == 1:
            return self._find(image[None])[0]
        found = []
        for some in _shown(_in_groups(windows, self._at_once), progress):
            tiles = np.stack([window.of(image) for window in some])
            found += [
                window.put_back(one, height, width)
                for window, one in zip(some, self._find(tiles), strict=True)
            ]
        return self._merging(found, height, width)


def _in_groups(items, size):
    return [items[i : i + size] for i in range(0, len(items), size)]


def _shown(groups, progress):
    """The groups, with a bar of their own while they last."""
    if progress is None:
        yield from groups
        return
    bar = progress.add_task("tiles", total=len(groups))
    try:
        for group in groups:
            yield group
            progress.advance(bar)
    finally:
        progress.remove_task(bar)
