"""Where the tiles of an image are, and which boxes they cut."""

import math
import re
from typing import NamedTuple

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable

DEFAULT_OVERLAP = 0.2
# A box this close to a tile's edge inside the image (pixels) is taken to be cut.
_MARGIN = 2.0
# More are a mistake: an image of 100 million pixels has 1,600 tiles of 256 x 256.
_MOST_TILES = 100_000


class Window(NamedTuple):
    """A part of an image, in whole pixels, and what is seen elsewhere, too.

    A box that an edge of the window cuts is left out if the neighbour behind that edge
    sees it up to its other end: it sees more of it. What reaches deeper into the window
    than the neighbour does is kept, and so is what both of them cut.

    Attributes:
      ymin, xmin, ymax, xmax: the window.
      limits: (top, left, bottom, right): where the neighbour above ends, the one to the
        left ends, the one below begins, the one to the right begins. Without one -inf
        for top and left, and inf.
    """

    ymin: int
    xmin: int
    ymax: int
    xmax: int
    limits: tuple = (-math.inf, -math.inf, math.inf, math.inf)

    def of(self, image):
        """[H, W, C] -> the part of it."""
        return image[self.ymin : self.ymax, self.xmin : self.xmax]

    def put_back(self, found, height, width):
        """Detections in the image's pixels, without those that are left out.

        Left out are boxes that another window sees better, and those that are not
        numbers.

        Args:
          found: dict of arrays, `boxes` [n, 4] in the window's pixels among them.
          height, width: of the image: a window's edge that is the image's cuts nothing.
        """
        corner = np.array([self.ymin, self.xmin] * 2, np.float32)
        boxes = np.asarray(found["boxes"], np.float32).reshape(-1, 4) + corner
        top, left, bottom, right = boxes.T
        limits = self.limits
        leave = ~np.isfinite(boxes).all(axis=1)
        if self.ymin > 0:
            leave |= (top < self.ymin + _MARGIN) & (bottom <= limits[0] - _MARGIN)
        if self.xmin > 0:
            leave |= (left < self.xmin + _MARGIN) & (right <= limits[1] - _MARGIN)
        if self.ymax < height:
            leave |= (bottom > self.ymax - _MARGIN) & (top >= limits[2] + _MARGIN)
        if self.xmax < width:
            leave |= (right > self.xmax - _MARGIN) & (left >= limits[3] + _MARGIN)
        whole = {**found, "boxes": boxes}
        return {key: np.asarray(value)[~leave] for key, value in whole.items()}


class Tiling(NamedTuple):
    """The size of tiles, and the share of a side that neighbours have in common.

    Attributes:
      height, width: in pixels of the image.
      overlap: from 0 to below 1.
    """

    height: int
    width: int
    overlap: float = DEFAULT_OVERLAP

    @classmethod
    def parsed(cls, text, overlap=None):
        """The Tiling of `HxW` as a command line has it; None without a text.

        Raises:
          UserError: it is none, or the overlap is not one.
        """
        if text is None:
            if overlap is not None:
                raise UserError("--overlap is of tiles: give --tiles HxW, too")
            return None
        found = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", text, re.ASCII)
        sides = tuple(int(side) for side in found.groups()) if found else (0, 0)
        if min(sides) < 1:
            raise UserError(
                f"--tiles is {printable(text)!r}: it must be HxW, height and width of "
                "a tile in pixels, such as 640x640"
            )
        overlap = DEFAULT_OVERLAP if overlap is None else overlap
        if not 0 <= overlap < 1:
            raise UserError(
                f"--overlap is {overlap:g}: it must be from 0 to below 1, the share of "
                "a tile's side that its neighbour sees, too"
            )
        return cls(*sides, overlap)

    def windows(self, height, width):
        """[Window] that cover an image, row by row; the last ones are moved inwards.

        An image that is no larger than a tile is one window.

        Raises:
          UserError: there are more than any image needs.
        """
        rows = _spans(height, self.height, self.overlap)
        columns = _spans(width, self.width, self.overlap)
        if len(rows) * len(columns) > _MOST_TILES:
            raise UserError(
                f"an image of {height}x{width} pixels has {len(rows) * len(columns)} "
                f"tiles of {self.height}x{self.width} with an overlap of "
                f"{self.overlap:g}: take larger tiles or a smaller overlap"
            )
        return [
            Window(top, left, bottom, right, (above, before, below, behind))
            for top, bottom, above, below in rows
            for left, right, before, behind in columns
        ]


def _spans(side, length, overlap):
    """[(start, stop, limit at the start, limit at the stop)] along a side."""
    if length >= side:
        return [(0, side, -math.inf, math.inf)]
    # The small number: 1 - 0.9 is less than a tenth.
    step = max(1, math.floor(length * (1 - overlap) + 1e-6))
    starts = [*range(0, side - length, step), side - length]
    ends_of_those_before = [-math.inf, *(start + length for start in starts[:-1])]
    starts_of_those_behind = [*starts[1:], math.inf]
    return [
        (start, start + length, before, behind)
        for start, before, behind in zip(
            starts, ends_of_those_before, starts_of_those_behind, strict=True
        )
    ]
