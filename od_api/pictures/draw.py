"""Pictures: boxes with names on an image, ground truth beside detections, sheets.

Images go in and out as uint8 [h, w, 3]; boxes are in pixels of the image.
"""

import colorsys
import functools
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# An image whose longer side is shorter than this is magnified by a whole number first,
# so that its labels can be read.
_SMALLEST = 400
_GAP = 6
# The share of its class's colour in a pixel of a mask: the object stays visible.
_TINT = 0.45
# Consecutive classes are this share of the colour circle apart: the golden ratio keeps
# any number of first classes well spread.
_GOLDEN = (math.sqrt(5) - 1) / 2
# Lightness and saturation of each round of eight classes, so that near hues differ.
_SHADES = ((0.50, 0.95), (0.70, 0.85), (0.36, 0.80))


def color_of(class_index):
    """(red, green, blue) of a class, 0..255, the same in every picture."""
    class_index = int(class_index)
    lightness, saturation = _SHADES[class_index // 8 % len(_SHADES)]
    hue = (0.02 + class_index * _GOLDEN) % 1.0
    return tuple(
        round(255 * c) for c in colorsys.hls_to_rgb(hue, lightness, saturation)
    )


def draw_boxes(image, boxes, labels, classes, masks=None):
    """The image with boxes and labels on it, and with masks in the boxes' colours.

    Args:
      image: uint8 [h, w, 3].
      boxes: [n, 4] in pixels, most important first: its label gets the best place.
      labels: n texts.
      classes: n class indices, which choose the colours.
      masks: [n, h, w], not 0 on the objects; None draws none.

    Returns:
      uint8 [f h, f w, 3]; the factor f is 1 unless the image is tiny.
    """
    colors = [color_of(c) for c in classes]
    if masks is not None:
        image = tinted(image, masks, colors)
    picture, factor = _magnified(image)
    boxes = np.asarray(boxes, float).reshape(-1, 4) * factor
    draw_over(picture, boxes, labels, colors)
    return np.asarray(picture)


def draw_over(picture, boxes, labels, colors, width=None):
    """Draws boxes and labels on a picture.

    Args:
      picture: a PIL image, RGB; it is changed.
      boxes: [n, 4] in pixels, most important first: its label gets the best place.
      labels: n texts; an empty one is not written.
      colors: n (red, green, blue), 0..255.
      width: of the lines, in pixels; None: by the picture's size.
    """
    pen = ImageDraw.Draw(picture)
    width = width or max(2, round(max(picture.size) / 400))
    rows = list(zip(boxes, labels, colors, strict=True))
    for box, _, color in reversed(rows):
        pen.rectangle(_inside(box, picture.size), outline=color, width=width)
    taken = []
    for box, label, color in rows:
        if label:
            _draw_label(pen, picture.size, box, label, color, taken)


def side_by_side(image, groundtruth, detections):
    """Two pictures of one image: what is there, and what was found.

    Args:
      image: uint8 [h, w, 3].
      groundtruth: (boxes, labels, classes, masks or None) as `draw_boxes` takes them;
        the last may be missing.
      detections: the same.

    Returns:
      uint8 [h', w', 3], ground truth on the left.
    """
    panels = [
        _captioned(draw_boxes(image, *rows), f"{title}: {len(rows[1])}")
        for title, rows in (("ground truth", groundtruth), ("detections", detections))
    ]
    gap = np.full((panels[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([panels[0], gap, panels[1]], axis=1)


def contact_sheet(pictures, *, columns=None, cell=600):
    """Many pictures on one page.

    Args:
      pictures: list of uint8 [h, w, 3] of any sizes; at least one.
      columns: pictures in a row; chosen for a page wider than high by default.
      cell: the greatest height of a picture on the page; its greatest width is twice
        that. Larger ones are shrunk.

    Returns:
      A PIL image.
    """
    if not len(pictures):
        raise ValueError("a contact sheet needs at least one picture")
    images = [Image.fromarray(np.asarray(p, np.uint8)) for p in pictures]
    for image in images:
        image.thumbnail((2 * cell, cell), Image.Resampling.LANCZOS)
    width = max(i.width for i in images) + _GAP
    if columns is None:
        height = np.mean([i.height for i in images]) + _GAP
        columns = math.ceil(math.sqrt(len(images) * 1.4 * height / width))
    columns = min(columns, len(images))
    rows = [images[i : i + columns] for i in range(0, len(images), columns)]
    heights = [max(i.height for i in row) + _GAP for row in rows]
    page = Image.new("RGB", (columns * width + _GAP, sum(heights) + _GAP), "white")
    for row, top in zip(rows, np.cumsum([_GAP, *heights]), strict=False):
        for column, image in enumerate(row):
            page.paste(image, (_GAP + column * width, int(top)))
    return page


def tinted(image, masks, colors, share=_TINT):
    """The image with the pixels of every mask mixed with its colour.

    Args:
      image: uint8 [h, w, 3].
      masks: [n, h, w], not 0 on the objects, most important first: it is on top.
      colors: n (red, green, blue), 0..255.
      share: of the colour in such a pixel, 0..1.

    Returns:
      uint8 [h, w, 3].
    """
    mixed = np.array(image, np.float32)
    for mask, color in reversed(list(zip(masks, colors, strict=True))):
        inside = np.asarray(mask) != 0
        mixed[inside] += share * (np.array(color, np.float32) - mixed[inside])
    return mixed.round().astype(np.uint8)


def _magnified(image):
    """(a copy as PIL image, the whole number it was magnified by)."""
    picture = Image.fromarray(np.ascontiguousarray(image)).convert("RGB")
    factor = max(1, math.ceil(_SMALLEST / max(picture.size)))
    size = (picture.width * factor, picture.height * factor)
    return picture.resize(size, Image.Resampling.NEAREST), factor


def _font_size(size):
    return max(12, round(max(size) / 45))


@functools.cache
def _font(size):
    return ImageFont.load_default(size)


def _inside(box, size):
    """[xmin, ymin, xmax, ymax] of a box, within the picture and never inverted."""
    ymin, xmin, ymax, xmax = box
    width, height = size
    left, right = sorted((_bounded(xmin, width), _bounded(xmax, width)))
    top, bottom = sorted((_bounded(ymin, height), _bounded(ymax, height)))
    return [left, top, right, bottom]


def _bounded(value, size):
    return min(max(float(np.nan_to_num(value)), 0), size - 1)


def _draw_label(pen, size, box, label, color, taken):
    """Writes a label near its box, if it can where no other one is."""
    font = _font(_font_size(size))
    left, _, right, bottom = pen.textbbox((0, 0), label, font=font)
    width, height = right + left + 4, bottom + 4
    xmin, ymin, xmax, ymax = _inside(box, size)
    places = [
        (xmin, ymin - height),
        (xmin, ymin),
        (xmin, ymax),
        (xmax - width, ymax - height),
        (xmax - width, ymin - height),
        (xmax, ymin),
    ]
    places = [_within_picture(place, width, height, size) for place in places]
    free = (p for p in places if not any(_overlap(p, other) for other in taken))
    place = next(free, places[0])
    taken.append(place)
    red, green, blue = color
    bright = 0.299 * red + 0.587 * green + 0.114 * blue > 140
    pen.rectangle(place, fill=color)
    position = (place[0] + 2, place[1] + 2)
    pen.text(position, label, fill="black" if bright else "white", font=font)


def _within_picture(place, width, height, size):
    """The rectangle of a label, moved so that it does not leave the picture."""
    x = max(0, min(place[0], size[0] - 1 - width))
    y = max(0, min(place[1], size[1] - 1 - height))
    return (x, y, x + width, y + height)


def _overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _captioned(picture, text):
    """The picture below a strip with a title."""
    height, width = picture.shape[:2]
    font = _font(_font_size((width, height)))
    strip = Image.new("RGB", (width, round(font.size * 1.5)), "white")
    ImageDraw.Draw(strip).text((4, font.size * 0.2), text, fill="black", font=font)
    return np.concatenate([np.asarray(strip), picture])
