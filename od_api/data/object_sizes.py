"""How many objects images have, and how large they are."""

import io
import json
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from PIL import Image

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data import records

_BOX = "image/object/bbox/"
_SIDES = ("ymin", "xmin", "ymax", "xmax")
# Shares of the objects whose sides are no longer than what is printed.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class ObjectSizes(NamedTuple):
    """Numbers of a data set, as tables of dense data sets have them.

    Attributes:
      images: how many.
      objects: boxes with an area that are no crowds.
      objects_per_image: their mean.
      mean_size, size_deviation: of the boxes' areas in percent of their images' area,
        over objects; the deviation is that of the population.
      megapixels: the mean of the images.
      sides: {share: square root of a box's area, in pixels of the image in its file,
        that this share of the objects does not exceed}.
    """

    images: int
    objects: int
    objects_per_image: float
    mean_size: float
    size_deviation: float
    megapixels: float
    sides: dict


def object_sizes(paths):
    """Measures the objects of TFRecords of tf.Examples.

    Args:
      paths: list of files or patterns.

    Returns:
      ObjectSizes; NaN where there is nothing to take a mean of.

    Raises:
      UserError: a pattern matches no file, or a record cannot be read.
    """
    pixels, shares, sides = [], [np.zeros(0)], [np.zeros(0)]
    for path in records.expand(paths):
        for number, serialized in enumerate(records.read(str(path))):
            try:
                count, share = _of_record(serialized)
            except (DecodeError, ValueError, OSError) as error:
                raise UserError(
                    f"{printable(str(path))}: record {number}: {error}; od-api data "
                    "check says more"
                ) from error
            pixels.append(count)
            shares.append(share)
            sides.append(np.sqrt(share * count))
    return _measured(pixels, np.concatenate(shares), np.concatenate(sides))


def _of_record(serialized):
    """(pixels of the image, [n] areas of its objects as shares of the image's)."""
    features = tf.train.Example.FromString(serialized).features.feature
    corners = [features[_BOX + side].float_list.value for side in _SIDES]
    if len(set(map(len, corners))) != 1:
        raise ValueError("its lists of corners are of different lengths")
    ymin, xmin, ymax, xmax = np.float64(corners)
    crowd = np.zeros(len(ymin), bool)
    for name in ("is_crowd", "group_of"):
        flags = features[f"image/object/{name}"].int64_list.value
        if flags:
            crowd |= np.bool_(flags)
    # False for NaN too.
    counts = (ymax > ymin) & (xmax > xmin) & ~crowd
    return _pixels(features), ((ymax - ymin) * (xmax - xmin))[counts]


def _pixels(features):
    sides = [features[f"image/{n}"].int64_list.value for n in ("height", "width")]
    if all(sides):
        return sides[0][0] * sides[1][0]
    encoded = features["image/encoded"].bytes_list.value
    if not encoded:
        raise ValueError("it has no image")
    width, height = Image.open(io.BytesIO(encoded[0])).size
    return height * width


def _measured(pixels, shares, sides):
    images, objects = len(pixels), len(shares)

    def mean(values):
        return float(np.mean(values)) if len(values) else float("nan")

    return ObjectSizes(
        images=images,
        objects=objects,
        objects_per_image=objects / images if images else float("nan"),
        mean_size=100 * mean(shares),
        size_deviation=100 * float(np.std(shares)) if objects else float("nan"),
        megapixels=mean(pixels) / 1e6,
        sides={
            q: float(np.quantile(sides, q)) if objects else float("nan")
            for q in QUANTILES
        },
    )


def as_text(found):
    """ObjectSizes for people."""
    lines = [
        f"{found.images} images of {found.megapixels:.2f} megapixels (mean)",
        f"{found.objects} objects, {found.objects_per_image:.1f} an image",
        f"size: {found.mean_size:.2f} % of the image (mean), deviation "
        f"{found.size_deviation:.2f} %",
        "side (square root of the area), in pixels of the image's file:",
    ]
    lines += [f"  {share:.0%} up to {side:.1f}" for share, side in found.sides.items()]
    return "\n".join(lines)


def as_json(found):
    """ObjectSizes for programs; null where there is nothing to take a mean of."""
    row = found._asdict() | {"sides": {f"{q:g}": x for q, x in found.sides.items()}}

    def plain(value):
        if isinstance(value, dict):
            return {name: plain(x) for name, x in value.items()}
        return None if value != value else value

    return json.dumps(plain(row), indent=1)
