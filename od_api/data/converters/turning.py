"""Boxes and masks of a picture that is turned upright by its EXIF orientation."""

import dataclasses
import io

import numpy as np
from PIL import Image

from od_api.data.converters.coco_masks import encode_png
from od_api.pictures.decoding import upright


def turn_box(box, orientation, width, height):
    """A `convert.Box` of the stored picture, on the upright one.

    Args:
      box: edges in pixels of the stored picture; its mask turns with it.
      orientation: EXIF's number, 1..8.
      width, height: of the stored picture.
    """
    xs, ys = (box.xmin, box.xmax), (box.ymin, box.ymax)
    if orientation in (5, 6, 7, 8):
        xs, ys = ys, xs
        width, height = height, width
    if orientation in (2, 3, 6, 7):
        xs = (width - xs[1], width - xs[0])
    if orientation in (3, 4, 7, 8):
        ys = (height - ys[1], height - ys[0])
    make_mask = box.mask_png
    return dataclasses.replace(
        box,
        xmin=xs[0],
        ymin=ys[0],
        xmax=xs[1],
        ymax=ys[1],
        mask_png=make_mask and (lambda: _turned_png(make_mask(), orientation)),
    )


def _turned_png(encoded, orientation):
    with Image.open(io.BytesIO(encoded)) as mask:
        return encode_png(upright(np.asarray(mask), orientation))
