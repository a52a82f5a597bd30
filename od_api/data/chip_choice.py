"""Which parts of an image cover its objects: by chance, or the best of a grid.

A part is a square of pixels, or as much of one as the image has. It covers a box that
lies in it whole; a box that no square of this side can cover is not asked for.
"""

import numpy as np


def random_chips(boxes, shape, side, rng, max_tries=1000):
    """Parts dropped at random until all boxes are covered (SNIP, section 5).

    Each has its centre drawn from the image, and is moved back inside; one that covers
    nothing new is discarded. After `max_tries` of these in a row each box that is left
    has a part around its centre.

    Args:
      boxes: [G, 4] in pixels of the image.
      shape: (height, width).
      side: of the parts.
      rng: numpy.random.Generator.
      max_tries: see above.

    Returns:
      [n, 4] int32: top, left, height, width.
    """
    boxes, size = _coverable(boxes, shape, side)
    left, chips, tries = np.ones(len(boxes), bool), [], 0
    while left.any():
        center = rng.uniform(0, shape)
        if tries >= max_tries:
            first = boxes[np.argmax(left)]
            center = (first[:2] + first[2:]) / 2
        corner = _inside(np.floor(center - size / 2), shape, size)
        new = left & _covered(boxes, corner, size)
        tries = 0 if new.any() else tries + 1
        if new.any():
            chips.append(corner)
            left &= ~new
    return _windows(chips, size)


def best_chips(boxes, shape, side, stride):
    """The parts of a grid that cover most, one after the other (SNIPER, section 3.1).

    Of equal ones the first, row by row. The last row and column lie at the border. It
    ends where no part covers another box: larger ones than side - stride may be left.

    Args:
      boxes, shape, side: as `random_chips`.
      stride: pixels from one part to the next.

    Returns:
      As `random_chips`.
    """
    boxes, size = _coverable(boxes, shape, side)
    steps = [
        np.unique([*range(0, extent - length, stride), extent - length])
        for extent, length in zip(shape, size, strict=True)
    ]
    corners = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 2)
    covers = np.stack([_covered(boxes, corner, size) for corner in corners])
    return _windows([corners[i] for i in greedy_cover(covers)], size)


def greedy_cover(covers):
    """Rows of [n, G] bool, each covering most of what those before have left."""
    left, chosen = np.ones(covers.shape[1], bool), []
    while True:
        counts = (covers & left).sum(axis=1)
        if not counts.any():
            return chosen
        chosen.append(int(np.argmax(counts)))
        left &= ~covers[chosen[-1]]


def _coverable(boxes, shape, side):
    """(whole pixels of the boxes that some part covers, (height, width) of parts)."""
    size = np.minimum(side, shape)
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    boxes = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1)
    boxes = np.clip(boxes, 0, np.tile(shape, 2))
    fits = (boxes[:, 2:] - boxes[:, :2] <= size).all(axis=1)
    return boxes[fits].astype(np.int64), size


def _inside(corner, shape, size):
    """A corner moved so that the part lies in the image."""
    return np.clip(corner, 0, np.subtract(shape, size)).astype(np.int64)


def _covered(boxes, corner, size):
    """[G] bool: which boxes lie in the part whole."""
    starts = (boxes[:, :2] >= corner).all(axis=1)
    return starts & (boxes[:, 2:] <= corner + size).all(axis=1)


def _windows(corners, size):
    rows = [[*corner, *size] for corner in corners]
    return np.array(rows, np.int32).reshape(-1, 4)
