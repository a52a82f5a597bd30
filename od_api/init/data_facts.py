"""What a config is made from: the numbers of a data set's records."""

import io
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data import records

_BOX = "image/object/bbox/"
_SIDES = ("ymin", "xmin", "ymax", "xmax")


class DataFacts(NamedTuple):
    """Numbers of one or several parts.

    Attributes:
      images: how many.
      boxes: [n, 4] float32 ymin, xmin, ymax, xmax as shares of their image, with area.
      sizes: [n, 2] heights and widths of the images of these boxes, in pixels.
      most_boxes: of one image.
      image_size: median (height, width) of the images.
    """

    images: int
    boxes: np.ndarray
    sizes: np.ndarray
    most_boxes: int
    image_size: tuple


def facts_of(paths):
    """DataFacts of record files.

    Raises:
      UserError: a record cannot be read, or there is none.
    """
    boxes, sizes, images, most = [np.zeros([0, 4])], [np.zeros([0, 2])], [], 0
    for path in paths:
        for number, serialized in enumerate(records.read(path)):
            features = tf.train.Example.FromString(serialized).features.feature
            place = f"{printable(path)}: record {number}"
            image = _image_size(features, place)
            own = _boxes(features, place)
            most = max(most, len(own))
            own = own[(own[:, 2] > own[:, 0]) & (own[:, 3] > own[:, 1])]
            images.append(image)
            boxes.append(own)
            sizes.append(np.tile(np.float64(image), [len(own), 1]))
    if not images:
        raise UserError(f"{', '.join(map(printable, paths))}: there is not one record")
    median = tuple(int(side) for side in np.median(images, axis=0))
    joined = np.concatenate(boxes).astype(np.float32), np.concatenate(sizes)
    return DataFacts(len(images), *joined, most, median)


def _boxes(features, place):
    corners = [features[_BOX + side].float_list.value for side in _SIDES]
    if len(set(map(len, corners))) != 1:
        raise UserError(f"{place}: its lists of corners are of different lengths")
    return np.float64(corners).T.reshape(-1, 4)


def _image_size(features, place):
    stated = [features[f"image/{s}"].int64_list.value for s in ("height", "width")]
    if all(len(value) == 1 and value[0] > 0 for value in stated):
        return stated[0][0], stated[1][0]
    encoded = b"".join(features["image/encoded"].bytes_list.value)
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            return picture.height, picture.width
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{place}: its image cannot be read: {error}") from error
