"""What can be wrong with one tf.Example; each check yields (severity, kind, detail).

Limits. A box edge may lie 1e-4 outside of 0..1 (rounding). Up to 0.1 it is a warning,
beyond an error: 1.1 is where the old API refused to go on.
"""

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

ROUNDING = 1e-4
TOLERATED = 0.1

EDGES = ("ymin", "xmin", "ymax", "xmax")
_BOX_KEYS = tuple(f"image/object/bbox/{edge}" for edge in EDGES)
# Lists with one entry a box where they are not empty.
_PER_BOX = {
    "image/object/class/text": "bytes_list",
    "image/object/class/label": "int64_list",
    "image/object/area": "float_list",
    "image/object/is_crowd": "int64_list",
    "image/object/difficult": "int64_list",
    "image/object/group_of": "int64_list",
    "image/object/weight": "float_list",
    "image/object/mask/weight": "float_list",
}
# Training reads one value of each; one that is not there at all is an empty text.
_SINGLE = ("image/encoded", "image/source_id", "image/filename")
_STATED = ("image/height", "image/width")
_KEYPOINTS = "image/object/keypoint/"
_TYPES = {
    **dict.fromkeys(_BOX_KEYS, "float_list"),
    **_PER_BOX,
    "image/encoded": "bytes_list",
    "image/format": "bytes_list",
    "image/source_id": "bytes_list",
    "image/filename": "bytes_list",
    "image/height": "int64_list",
    "image/width": "int64_list",
    "image/class/text": "bytes_list",
    "image/class/label": "int64_list",
    "image/class/confidence": "float_list",
    "image/neg_category_ids": "int64_list",
    "image/not_exhaustive_category_ids": "int64_list",
    f"{_KEYPOINTS}x": "float_list",
    f"{_KEYPOINTS}y": "float_list",
    f"{_KEYPOINTS}visibility": "int64_list",
    "image/object/class/multiclass_scores": "float_list",
}


def parse(record):
    """Features of a serialized tf.Example, {key: list}, and those of a wrong type.

    Raises:
      google.protobuf.message.DecodeError: it is not a protocol buffer.
    """
    features, wrong = {}, []
    for key, feature in tf.train.Example.FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind is None:
            continue
        if kind != _TYPES.get(key, kind):
            wrong.append(("error", "wrong_type", f"{key} is {kind}, not {_TYPES[key]}"))
            continue
        features[key] = list(getattr(feature, kind).value)
    return features, wrong


def is_sequence_example(record):
    """Whether a record without an image holds a sequence of them."""
    try:
        lists = tf.train.SequenceExample.FromString(record).feature_lists
    except DecodeError:  # another kind of message, of which an Example can be read
        return False
    return bool(lists.feature_list)


def check_single(features):
    """Texts and numbers that a record has one of."""
    for key in (*_SINGLE, *_STATED):
        count = len(features.get(key, [None]))
        if count != 1:
            severity = "error" if key in _SINGLE else "warning"
            yield severity, "value_count", f"{key} has {count} values instead of one"


def check_values(features):
    """Weights and areas that no loss or metric can use."""
    kinds = ("weight", "error"), ("mask/weight", "error"), ("area", "warning")
    for key, severity in kinds:
        for index, value in enumerate(features.get(f"image/object/{key}", [])):
            if not 0 <= value < float("inf"):
                detail = f"box {index}: {key} is {value:.6g}"
                yield severity, "bad_value", detail


def boxes_of(features):
    """[n, 4] float64 (ymin, xmin, ymax, xmax); None if the lists differ in length."""
    edges = [features.get(key, []) for key in _BOX_KEYS]
    if len({len(values) for values in edges}) != 1:
        return None
    return np.array(edges, np.float64).reshape(4, -1).T


def check_lengths(features, num_boxes):
    """Lists about boxes have as many entries as there are boxes, or none.

    Args:
      features: as `parse` returns them.
      num_boxes: None where the four lists of edges disagree.
    """
    if num_boxes is None:
        lengths = [
            f"{e} {len(features.get(k, []))}"
            for e, k in zip(EDGES, _BOX_KEYS, strict=True)
        ]
        yield "error", "list_lengths", "edges of boxes: " + ", ".join(lengths)
        return
    for key in _PER_BOX:
        length = len(features.get(key, []))
        if length not in (0, num_boxes):
            yield "error", "list_lengths", f"{key} has {length}, boxes {num_boxes}"
    keys = ("image/object/class/text", "image/object/class/label")
    if num_boxes and not any(features.get(key) for key in keys):
        yield "error", "no_class", f"{num_boxes} boxes without class text or label"


def check_boxes(boxes, size):
    """Extent and range of normalised boxes.

    Args:
      boxes: [n, 4] float64, ymin, xmin, ymax, xmax.
      size: (height, width) of the image in pixels; None if unknown.
    """
    for index, box in enumerate(boxes):
        ymin, xmin, ymax, xmax = box
        text = f"box {index} " + " ".join(
            f"{edge}={value:.6g}" for edge, value in zip(EDGES, box, strict=True)
        )
        if not np.isfinite(box).all():
            yield "error", "nan_box", text
        elif xmax < xmin or ymax < ymin:
            yield "error", "swapped_box", f"{text}: its maximum is below its minimum"
        elif xmax == xmin or ymax == ymin:
            yield "error", "degenerate_box", f"{text}: has no extent"
        else:
            yield from _check_extent(text, box, size)
            yield from _check_range(text, box, size)


def _check_extent(text, box, size):
    if size is None:
        return
    pixels = (box[2:] - box[:2]) * size
    # float32 edges of a box of one pixel may be a little closer than that.
    if pixels.min() < 0.99:
        yield "warning", "tiny_box", f"{text}: less than a pixel wide or high"


def _check_range(text, box, size):
    excess = max(-box.min(), box.max() - 1)
    if excess <= ROUNDING:
        return
    if excess <= TOLERATED:
        yield "warning", "out_of_range", f"{text}: outside of 0..1"
        return
    if box.max() > 2:
        hint = "pixels? divide them by the image's height and width"
    elif size is not None and _fits_swapped(box, *size):
        detail = f"{text}: fits if width and height of the image are swapped"
        yield "error", "swapped_axes", detail
        return
    else:
        hint = f"outside of 0..1 by more than {TOLERATED}"
    yield "error", "out_of_range", f"{text}: {hint}"


def _fits_swapped(box, height, width):
    """Whether a box is right once its edges are divided by the image's other side."""
    divided_again = box * np.array([width / height, height / width] * 2)
    return box.min() >= -ROUNDING and divided_again.max() <= 1 + ROUNDING
