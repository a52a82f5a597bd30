"""Outlines of the synthetic classes, and their rasterised coverage.

A shape is a polygon inside the unit circle; drawing turns, stretches and scales it.
"""

import numpy as np
from PIL import Image, ImageDraw

# Drawn this many times larger and averaged down, which smooths the edges.
_OVERSAMPLING = 3


def _circle():
    return _regular(48)


def _square():
    return _regular(4)


def _triangle():
    return _regular(3)


def _star():
    # 0.45 between the tips keeps a small star apart from a circle and from a cross.
    radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.45)
    return _regular(10) * radius[:, None]


def _cross():
    long, short = 0.95, 0.31
    right = [(short, -long), (short, -short), (long, -short), (long, short)]
    upper_right = [*right, (short, short)]
    lower_left = [(-x, -y) for x, y in upper_right]
    return np.array([*upper_right, (short, long), *lower_left, (-short, -long)])


def _regular(corners):
    angle = np.arange(corners) * 2 * np.pi / corners
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


# In the order of their class ids, which start at 1.
OUTLINES = {
    "circle": _circle(),
    "square": _square(),
    "triangle": _triangle(),
    "star": _star(),
    "cross": _cross(),
}


def outline(name, *, area, angle, stretch):
    """The corners of a shape, [corners, 2] (x, y) in pixels around its centre.

    Args:
      name: a key of `OUTLINES`.
      area: of the shape in square pixels.
      angle: rotation in radians.
      stretch: width over height before the rotation; the area does not depend on it.
    """
    corners = OUTLINES[name] * [stretch**0.5, stretch**-0.5]
    corners = corners * (area / polygon_area(corners)) ** 0.5
    cos, sin = np.cos(angle), np.sin(angle)
    return corners @ np.array([[cos, sin], [-sin, cos]])


def polygon_area(corners):
    """Area inside a polygon [corners, 2] that does not cross itself (shoelace)."""
    x, y = corners.T
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


def rasterise(corners):
    """The share of each pixel that a polygon around (0, 0) covers.

    Args:
      corners: [corners, 2] (x, y) in pixels.

    Returns:
      [size, size] float32, 0..1, with the polygon's origin in the middle.
    """
    radius = int(np.ceil(np.abs(corners).max())) + 1
    size = 2 * radius * _OVERSAMPLING
    canvas = Image.new("L", (size, size))
    points = (corners + radius) * _OVERSAMPLING
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in points.tolist()], fill=255)
    return np.asarray(canvas.reduce(_OVERSAMPLING), np.float32) / 255
