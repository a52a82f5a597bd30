"""Writing one record: an image file and its boxes as a tf.Example of the old API."""

import hashlib
from typing import NamedTuple

import tensorflow as tf


class EncodedImage(NamedTuple):
    """An image file of a data set.

    Attributes:
      encoded: the file's bytes.
      format: "jpeg", "png", "gif", "bmp" or "webp".
      filename: of the image, for people.
      source_id: unique name of the image in the data set.
      height, width: of the image.
    """

    encoded: bytes
    format: str
    filename: str
    source_id: str
    height: int
    width: int


class Objects(NamedTuple):
    """What is on an image: lists with one entry a box; None for what is not known.

    Attributes:
      boxes: [G, 4] ymin, xmin, ymax, xmax in 0..1.
      class_texts: names as in the label map.
      class_ids: 1-based.
      is_crowd, difficult: bools.
      area: square pixels of the objects.
      masks_png: PNG files of the size of the image, not 0 where the object is.
      weights: floats.
      flags: {key below image/object: bools} of the old API's others, as group_of.
    """

    boxes: list
    class_texts: list
    class_ids: list
    is_crowd: list | None = None
    difficult: list | None = None
    area: list | None = None
    masks_png: list | None = None
    weights: list | None = None
    flags: dict | None = None


def make_example(image, objects, image_classes=None):
    """A tf.train.Example under the old API's keys.

    Lists that are None are not written. Both class/text and class/label are written, so
    that the record is of use without a label map.

    Args:
      image: EncodedImage.
      objects: Objects.
      image_classes: [(class text, class id, confidence)] of the whole image, or None.

    Raises:
      ValueError: lists of different lengths, or a class id below 1.
    """
    features = {
        "image/encoded": [image.encoded],
        "image/format": [_utf8(image.format)],
        "image/filename": [_utf8(image.filename)],
        "image/source_id": [_utf8(image.source_id)],
        "image/key/sha256": [hashlib.sha256(image.encoded).hexdigest().encode()],
        "image/height": [int(image.height)],
        "image/width": [int(image.width)],
    }
    for name, values in _per_box(objects).items():
        if values is not None:
            features[f"image/object/{name}"] = values
    if image_classes is not None:
        features["image/class/text"] = [_utf8(text) for text, _, _ in image_classes]
        features["image/class/label"] = [int(i) for _, i, _ in image_classes]
        features["image/class/confidence"] = [float(c) for _, _, c in image_classes]
    features = {key: _feature(values) for key, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


def _per_box(objects):
    """{key: values, or None}, of one length."""
    boxes = [[float(v) for v in box] for box in objects.boxes]
    per_box = {
        "class/text": [_utf8(text) for text in objects.class_texts],
        "class/label": [int(i) for i in objects.class_ids],
        "is_crowd": _listed(objects.is_crowd, int),
        "difficult": _listed(objects.difficult, int),
        "area": _listed(objects.area, float),
        "mask": _listed(objects.masks_png, bytes),
        "weight": _listed(objects.weights, float),
        **{name: _listed(flags, int) for name, flags in (objects.flags or {}).items()},
    }
    for index, edge in enumerate(("ymin", "xmin", "ymax", "xmax")):
        per_box[f"bbox/{edge}"] = [box[index] for box in boxes]
    _check(per_box, len(boxes))
    return per_box


def _listed(values, kind):
    return None if values is None else [kind(v) for v in values]


def _utf8(text):
    return text if isinstance(text, bytes) else str(text).encode()


def _check(per_box, count):
    for name, values in per_box.items():
        if values is not None and len(values) != count:
            raise ValueError(f"{count} boxes, but {len(values)} entries of {name}")
    low = [i for i in per_box["class/label"] if i < 1]
    if low:
        raise ValueError(f"class id {low[0]}: ids in records start at 1")


def _feature(values):
    """A tf.train.Feature of the list that the values' type asks for; none: empty."""
    if not values:
        return tf.train.Feature()
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
