"""The pictures of a data set: where they are, what is in them and what was found."""

import functools
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data import records
from od_api.data.record_checks import boxes_of, parse
from od_api.data.record_source import RecordSource
from od_api.evaluation.detection_files import image_key, read_detections
from od_api.metrics.diagnosis.detection_errors import KINDS, RIGHT, errors_of_image
from od_api.metrics.image_records import Found, GroundTruth
from od_api.pictures import decoding, raw_images
from od_api.system.terminal import tracked

# COCO's: squares of these sides part the sizes of objects.
_SIZES = (("small", 32**2), ("medium", 96**2), ("large", np.inf))
SIZES = tuple(name for name, _ in _SIZES)
# What a box is: one that is right or true has no error.
NO_ERROR = "right"
MIN_SCORE = 0.3
_NAMES = ("image/filename", "image/source_id")


class ViewedPicture(NamedTuple):
    """One picture.

    Attributes:
      path, offset, index: of its record.
      name: of its file, else its source_id, else of its record.
      size: (height, width) in pixels.
      boxes: list of dicts: `of` "truth" or "found"; `box` [ymin, xmin, ymax, xmax] in
        pixels; `class` the id, or the name of one that the label map lacks; `score`;
        `size` of SIZES; `error` NO_ERROR, one of KINDS, or "crowd".
    """

    path: Any
    offset: int
    index: int
    name: str
    size: tuple
    boxes: list


class UnreadPicture(NamedTuple):
    """A record that has no picture to show, and why."""

    name: str
    reason: str


def viewed_pictures(paths, label_map, detections=None, min_score=MIN_SCORE):
    """Reads what is in all records but their pixels.

    Args:
      paths: what `records.read` takes.
      label_map: LabelMap.
      detections: path of `read_detections`; None where there are none.
      min_score: detections below are as if they were not there.

    Returns:
      (list of ViewedPicture, list of UnreadPicture).

    Raises:
      UserError: a damaged file, or detections that are of none of the pictures.
    """
    found = _read_found(detections, min_score) if detections else None
    known, pictures, unread = set(), [], []
    for path, offset, index, read in _records(paths):
        try:
            features, _ = parse(read())
            picture = _picture(features, label_map, found)
        except (UserError, DecodeError) as error:
            where = f"{printable(path)} record {index}"
            unread.append(UnreadPicture(where, str(error)))
            continue
        known.update(_keys(features))
        name = picture.name or f"record {index}"
        pictures.append(
            picture._replace(path=path, offset=offset, index=index, name=name)
        )
    if found and not known & found.keys():
        raise UserError(
            f"{printable(detections)}: its detections are of other images, such as "
            f"{printable(next(iter(found)))}"
        )
    return pictures, unread


def _read_found(path, min_score):
    """{image key: Rows} of scores from `min_score` up."""
    return {
        key: rows._replace(rows=[r for r in rows.rows if r.score >= min_score])
        for key, rows in read_detections(path).items()
    }


def pixels(picture):
    """uint8 [h, w, 3] of a ViewedPicture, read anew."""
    (record,) = records.read_at(picture.path, [picture.offset], [picture.index])
    features, _ = parse(record)
    return _decoded(features)


def _records(paths):
    """(path, offset, index, () -> bytes) of all records, with a bar."""
    places = [(path, records.find(path)) for path in paths]
    total = sum(len(offsets) for _, (offsets, _) in places)
    every = (
        (path, offsets[index], index, read)
        for path, (offsets, _) in places
        for index, read in enumerate(_each(path))
    )
    yield from tracked(every, "reading", total)


def _each(path):
    """What reads each record: a bad image of a data set stops nothing behind it."""
    if isinstance(path, RecordSource):
        yield from (functools.partial(path.record, i) for i in range(path.size))
    else:
        yield from (functools.partial(bytes, record) for record in records.read(path))


def _decoded(features):
    encoded, raw_size = _stored(features)
    if raw_size:
        return raw_images.decode_raw_tensor(encoded, *raw_size).numpy()
    return decoding.decode(encoded)


def _size(features):
    """(height, width) of the picture as it is stored."""
    encoded, raw_size = _stored(features)
    header = None if raw_size else decoding.look(encoded)
    return raw_size or (header.height, header.width)


def _stored(features):
    """(bytes of the picture, its (height, width) where they have no format)."""
    (encoded,) = features.get("image/encoded") or [b""]
    if not encoded:
        raise UserError("has no image/encoded")
    if not raw_images.is_raw((features.get("image/format") or [b""])[0]):
        return encoded, None
    sides = [features.get(f"image/{side}") for side in ("height", "width")]
    size = tuple(int(side[0]) for side in sides) if all(sides) else None
    raw_images.check_raw(encoded, size)
    return encoded, size


def _keys(features):
    return {image_key(n) for key in _NAMES for n in features.get(key, []) if n}


def _picture(features, label_map, found):
    names = [n.decode(errors="replace") for k in _NAMES for n in features.get(k, [])]
    size = _size(features)
    truth, classes = _truth(features, size, label_map)
    boxes = _shown(truth, classes, "truth")
    for box, crowd in zip(boxes, truth.is_crowd, strict=True):
        box["error"] = "crowd" if crowd else NO_ERROR
    if found is not None:
        source = {image_key(n) for n in features.get("image/source_id", []) if n}
        rows = next((found[k] for k in (*source, *_keys(features)) if k in found), None)
        boxes += _with_errors(boxes, truth, _found(rows, size))
    return ViewedPicture(None, 0, 0, next(filter(None, names), ""), size, boxes)


def _truth(features, size, label_map):
    """(GroundTruth, [what class each is of]); unknown classes are -1 in the first."""
    normalized = boxes_of(features)
    if normalized is None:
        raise UserError("its lists of box edges differ in length")
    count = len(normalized)
    classes = _classes(features, label_map, count)
    flags = {
        name: _flags(features, f"image/object/{name}", count)
        for name in ("is_crowd", "difficult", "group_of")
    }
    boxes = normalized * np.tile(size, 2)
    numbers = [c - 1 if isinstance(c, int) else -1 for c in classes]
    truth = GroundTruth(
        boxes=boxes.reshape(-1, 4),
        classes=np.array(numbers, np.int64),
        is_crowd=flags["is_crowd"] | flags["group_of"],
        difficult=flags["difficult"],
        group_of=flags["group_of"],
        area=_areas(boxes),
        known=None,
    )
    return truth, classes


def _classes(features, label_map, count):
    """The id of each object, or its text where the label map lacks it."""
    texts = features.get("image/object/class/text", [])
    labels = features.get("image/object/class/label", [])
    if len(labels) == count:
        return [int(label) for label in labels]
    if len(texts) != count:
        raise UserError(f"it has {count} boxes, and {len(texts)} names of classes")
    names = [text.decode(errors="replace") for text in texts]
    ids = [label_map.id_of(name) for name in names]
    return [n if i is None else i for n, i in zip(names, ids, strict=True)]


def _flags(features, key, count):
    values = features.get(key, [])
    return np.bool_(values) if len(values) == count else np.zeros(count, bool)


def _found(rows, size):
    """The Found of an image, best score first."""
    rows, scale = (rows.rows, size if rows.normalized else (1, 1)) if rows else ([], ())
    rows = sorted(rows, key=lambda row: -row.score)
    boxes = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
    return Found(
        boxes=boxes * np.tile(scale, 2) if rows else boxes,
        scores=np.array([row.score for row in rows], np.float64),
        classes=np.array([row.class_id - 1 for row in rows], np.int64),
    )


def _with_errors(truths, truth, found):
    """Boxes of the detections, each with its kind; missed `truths` are marked."""
    errors = errors_of_image(truth, found, most=len(found.scores))
    for index in errors.object_index[errors.missed]:
        truths[index]["error"] = "missed"
    boxes = _shown(found, (found.classes + 1).tolist(), "found")
    for place, kind, ignored in zip(
        errors.order, errors.kinds, errors.ignored, strict=True
    ):
        right = "crowd" if ignored else NO_ERROR
        box = boxes[place]
        box["error"] = right if kind == RIGHT or ignored else KINDS[kind]
        box["score"] = round(float(found.scores[place]), 4)
    return boxes


def _shown(objects, classes, of):
    areas = _areas(objects.boxes)
    return [
        {
            "of": of,
            "box": [round(float(v), 1) for v in box],
            "class": class_id,
            "size": next(name for name, limit in _SIZES if area < limit),
            "error": NO_ERROR,
        }
        for box, class_id, area in zip(objects.boxes, classes, areas, strict=True)
    ]


def _areas(boxes):
    boxes = boxes.reshape(-1, 4)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
