"""Files of detections that somebody made: COCO results, or TFRecords."""

import math
from typing import NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data import records
from od_api.data.converters.coco_file import get
from od_api.data.converters.coco_masks import box_around
from od_api.data.converters.numerals import shown
from od_api.data.detection_fields import detections_in
from od_api.system.files import decode_text, read_bytes
from od_api.system.json_files import parse_json

_NAMES = ("image/source_id", "image/filename")


class Row(NamedTuple):
    """One detection.

    Attributes:
      box: ymin, xmin, ymax, xmax.
      class_id: of the label map.
      score: float.
      where: names it in messages.
      segmentation: as in COCO results; None where there is none.
    """

    box: tuple
    class_id: int
    score: float
    where: str
    segmentation: object = None


class Rows(NamedTuple):
    """The detections of one image.

    Attributes:
      rows: list of `Row`.
      where: names the image's first one, or its record, in messages.
      normalized: boxes are in 0..1 of the image, else in its pixels.
    """

    rows: list
    where: str
    normalized: bool


def image_key(name):
    """What a source_id and a COCO image id have in common: "000042" is 42."""
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return str(int(text)) if text.isascii() and text.isdecimal() else text


def read_detections(path):
    """{image key: Rows} of a COCO results file, or of TFRecords with detections.

    Args:
      path: of a JSON file, or what `records.expand` takes.

    Raises:
      UserError: it cannot be read, is of another kind, or names a detection that is
        malformed or there twice.
    """
    if not str(path).lower().endswith(".json") and not _is_json(path):
        return _of_records(path)
    text = decode_text(read_bytes(path, "file of detections"), path)
    return _of_results(parse_json(text, path, "file of detections"), printable(path))


def _is_json(path):
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except (OSError, ValueError):  # a pattern, or somewhere else
        return False
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text[:1] in (b"[", b"{") and b"\0" not in start


def _of_results(entries, name):
    if not isinstance(entries, list):
        kind = "a COCO data set" if _is_data_set(entries) else "no list"
        raise UserError(
            f"{name}: is {kind}; COCO results are a list of objects with image_id, "
            "category_id, bbox [x, y, width, height] and score"
        )
    found, seen = {}, {}
    for index, entry in enumerate(entries):
        where = f"{name}: detection number {index}"
        key, row = _result(entry, where)
        once = (key, row.box, row.class_id, row.score, repr(row.segmentation))
        _refuse_twice(seen.setdefault(once, where), where)
        found.setdefault(key, Rows([], where, False)).rows.append(row)
    return found


def _is_data_set(value):
    return isinstance(value, dict) and "images" in value


def _result(entry, where):
    image_id = get(entry, "image_id", where)
    whole = type(image_id) is float and image_id.is_integer()
    if not (whole or type(image_id) is int or (image_id and type(image_id) is str)):
        raise UserError(f"{where}: image_id is {shown(image_id)}, no id of an image")
    class_id = get(entry, "category_id", where)
    if type(class_id) is float and class_id.is_integer():
        class_id = int(class_id)
    if type(class_id) is not int:
        raise UserError(
            f"{where}: category_id is {shown(class_id)}, not a whole number"
        )
    box = _box(entry, where)
    score = get(entry, "score", where)
    if not _is_number(score):
        raise UserError(f"{where}: score is {shown(score)}, not a finite number")
    name = int(image_id) if whole else image_id
    shape = entry.get("segmentation")
    return image_key(name), Row(box, class_id, float(score), where, shape)


def _box(entry, where):
    """ymin, xmin, ymax, xmax; where there is a mask alone, around it."""
    if entry.get("bbox") is None and entry.get("segmentation"):
        try:
            return box_around(entry["segmentation"])
        except ValueError as error:
            raise UserError(f"{where}: bad segmentation: {error}") from error
    box = get(entry, "bbox", where)
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))):
        raise UserError(
            f"{where}: bbox is {shown(box)}, not four finite numbers [x, y, width, "
            "height]"
        )
    x, y, width, height = map(float, box)
    if width < 0 or height < 0:
        raise UserError(f"{where}: bbox {shown(box)} has a width or height below 0")
    return y, x, y + height, x + width


def _is_number(value):
    try:
        return type(value) in (int, float) and math.isfinite(float(value))
    except OverflowError:
        return False


def _of_records(path):
    found = {}
    for file in records.expand(path):
        for index, record in enumerate(records.read(file)):
            where = f"{printable(file)} record {index}"
            key, rows = _of_record(record, where)
            if key in found:
                raise UserError(
                    f"{where} and {found[key].where} are both for the image "
                    f"{printable(key)}: leave one of them out"
                )
            found[key] = rows
    if not found:
        raise UserError(f"{printable(path)}: is empty: it has no record")
    return found


def _of_record(record, where):
    try:
        example = tf.train.Example.FromString(record)
        boxes, ids, scores = detections_in(example)
    except DecodeError as error:
        raise UserError(f"{where}: is not a tf.Example") from error
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    names = [n for k in _NAMES for n in example.features.feature[k].bytes_list.value]
    name = next(filter(None, names), None)
    if name is None:
        raise UserError(
            f"{where}: has neither image/source_id nor image/filename, so that nobody "
            "can tell whose detections these are"
        )
    rows, seen = [], {}
    for number, (box, class_id, score) in enumerate(
        zip(boxes.tolist(), ids.tolist(), scores.tolist(), strict=True)
    ):
        place = f"{where} ({printable(name)}), detection {number}"
        if not all(map(math.isfinite, (*box, score))):
            raise UserError(f"{place}: its box or score is not finite")
        if box[2] < box[0] or box[3] < box[1]:
            raise UserError(f"{place}: its box has a maximum below its minimum")
        _refuse_twice(seen.setdefault((*box, class_id, score), place), place)
        rows.append(Row(tuple(box), class_id, score, place))
    return image_key(name), Rows(rows, where, True)


def _refuse_twice(first, where):
    if first != where:
        raise UserError(
            f"{where}: is the same as {first}: one of them would count as a mistake of "
            "the model; leave it out"
        )
