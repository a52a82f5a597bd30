"""What can be wrong with one tf.Example; each check yields (severity, kind, detail).

Limits. A box edge may lie 1e-4 outside of 0..1 (rounding). Up to 0.1 it is a warning,
beyond an error: 1.1 is where the old API refused to go on.
"""

import numpy as np
import tensorflow as tf

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
}
_TYPES = {
    **dict.fromkeys(_BOX_KEYS, "float_list"),
    **_PER_BOX,
    "image/encoded": "bytes_list",
    "image/format": "bytes_list",
    "image/source_id": "bytes_list",
    "image/filename": "bytes_list",
    "image/height": "int64_list",
    "image/width": "int64_list",
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
    return bool(tf.train.SequenceExample.FromString(record).feature_lists.feature_list)


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


def check_classes(features, label_map):
    """Class ids and texts against the label map.

    Texts decide, as in training; the ids count in a record without texts.
    """
    texts = features.get("image/object/class/text", [])
    labels = features.get("image/object/class/label", [])
    for index in range(len(texts) or len(labels)):
        text = texts[index].decode(errors="replace") if texts else None
        label = labels[index] if index < len(labels) else None
        yield from _check_class(f"box {index}", text, label, label_map)


def _check_class(box, text, label, label_map):
    known = None if text is None else label_map.id_of(text)
    if text is not None and known is None:
        detail = f"{box}: class text {text!r} is not in the label map: it is dropped"
        yield "warning", "unknown_class", detail
    elif label == 0:
        severity = "error" if known is None else "warning"
        detail = f"{box}: class id 0; ids start at 1, 0 means background"
        yield severity, "id_zero", detail
    elif known is None and label not in label_map.ids:
        yield "error", "unknown_id", f"{box}: class id {label} is not in the label map"
    elif label is not None and known is not None and label != known:
        detail = f"{box}: id {label}, but {text!r} is {known} in the label map"
        yield "warning", "class_disagrees", detail


def decode_size(encoded):
    """(height, width) of an encoded image, decoded as training does.

    Raises:
      ValueError: it cannot be decoded.
    """
    try:
        image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(error.message.split("[Op")[0].strip()) from error
    return image.shape[0], image.shape[1]


def check_size(stated, actual):
    """The record's height and width against the image's, both (height, width)."""
    if stated == actual or None in stated:
        return
    detail = (
        f"the record says {stated[1]}x{stated[0]}, the image is {actual[1]}x{actual[0]}"
    )
    if stated == actual[::-1]:
        detail += ": width and height are swapped"
    # Normalised boxes outlive a change of size that keeps the shape.
    same_shape = abs(stated[0] * actual[1] - stated[1] * actual[0]) <= max(*actual)
    yield "warning" if same_shape else "error", "wrong_size", detail
