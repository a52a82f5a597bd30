"""Reading a COCO annotation file, with everything that refers to something checked.

Files of many tools are not quite COCO: ids are text or floats, flags are text, sizes
are missing. What can mean one thing only is taken so; the rest is refused.
"""

import collections
import json
import math
import re

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.numerals import LARGEST_SIDE, shown
from od_api.system.files import read_text
from od_api.system.json_files import parse_json

_LISTS = ("images", "annotations", "categories")
_LARGEST_FLOAT_ID = 2**53


def load_coco(path):
    """The contents of a COCO annotation file.

    Returns:
      A dict with the lists images, annotations and categories. Ids and what refers to
      them are ints, or text for images of such ids; every annotation refers to things
      that exist, and has a bbox of four finite numbers and `iscrowd` as a bool.

    Raises:
      UserError: the file cannot be read, is of another kind, or an entry is malformed.
    """
    data = _read(path)
    name = printable(path)
    for key in _LISTS:
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise UserError(
                f"{name}: has no list {key!r}; a COCO file for detection needs the "
                f"lists images, annotations and categories{_other_kind(data)}"
            )
    images = _with_ids(data["images"], f"{name}: image", texts=True)
    categories = _with_ids(data["categories"], f"{name}: category")
    if not categories:
        raise UserError(f"{name}: its list 'categories' is empty")
    for category_id, category in categories.items():
        category["name"] = _class_name(category, f"{name}: category {category_id}")
    for index, annotation in enumerate(data["annotations"]):
        where = annotation_place(path, annotation, index)
        _refer(annotation, "image_id", images, "the images", where, texts=True)
        _refer(annotation, "category_id", categories, "the categories", where)
        annotation["bbox"] = _bbox(get(annotation, "bbox", where), where)
        annotation["area"] = _area(annotation, where)
        annotation["iscrowd"] = _flag(annotation, "iscrowd", where)
    return data


def _read(path):
    """The file's value; a list that is there twice would lose the first."""
    what = "COCO annotation file"
    text = read_text(path, what)
    data = parse_json(text, path, what)
    if any(text.count(f'"{key}"') > 1 for key in _LISTS):
        json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, path))
    return data


def _once(pairs, path):
    counts = collections.Counter(key for key, _ in pairs)
    for key in _LISTS:
        if counts[key] > 1:
            raise UserError(f"{printable(path)}: has the list {key!r} twice: join them")


def annotation_place(path, annotation, index=None):
    """How errors name an annotation."""
    named = isinstance(annotation, dict) and "id" in annotation
    what = shown(annotation["id"]) if named else f"number {index}"
    return f"{printable(path)}: annotation {what}"


def get(entry, key, where):
    """The value of a key.

    Raises:
      UserError: the entry is no object, or lacks it.
    """
    if not isinstance(entry, dict):
        raise UserError(f"{where}: is {shown(entry)}, not an object with {key!r}")
    if key not in entry:
        raise UserError(f"{where}: has no {key!r}")
    return entry[key]


def length(entry, key, where):
    """A width or height in pixels; None where the file says none, 0 or less.

    Raises:
      UserError: it is no number.
    """
    value = entry.get(key)
    if value is None:
        return None
    if not _is_number(value) or value > LARGEST_SIDE:
        raise UserError(f"{where}: {key} is {shown(value)}, not a number of pixels")
    return int(value) if value > 0 else None


def _with_ids(entries, where, texts=False):
    """{id: entry}, with the ids in the entries in one form."""
    found = {}
    for index, entry in enumerate(entries):
        place = f"{where} number {index}"
        raw = get(entry, "id", place)
        key = entry["id"] = _id(raw, f"{place}: its id", texts)
        if key in found:
            raise UserError(f"{where} id {shown(key)} is there twice")
        found[key] = entry
    return found


def _id(value, where, texts):
    """An id in one form: an int, also for 7.0 and "7"; other text if `texts`."""
    if type(value) is int and len(f"{value:x}") < 100:
        return value
    if type(value) is float and value.is_integer() and abs(value) < _LARGEST_FLOAT_ID:
        return int(value)
    if isinstance(value, str):
        if re.fullmatch("0|-?[1-9][0-9]{0,17}", value):
            return int(value)
        if texts and value:
            return value
    kind = "text" if isinstance(value, str) else type(value).__name__
    raise UserError(f"{where} {shown(value)} is {kind}, not a whole number")


def _refer(annotation, key, entries, what, where, texts=False):
    raw = get(annotation, key, where)
    value = annotation[key] = _id(raw, f"{where}: {key}", texts)
    if value not in entries:
        raise UserError(f"{where}: {key} {shown(value)} is not among {what}")


def _class_name(category, where):
    name = get(category, "name", where)
    if type(name) in (int, float):
        name = str(name)
    if not isinstance(name, str) or not name.strip():
        raise UserError(
            f"{where}: its name is {'null' if name is None else shown(name)}: give "
            "the class a name"
        )
    return name


def _bbox(bbox, where):
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_plain, bbox)):
        raise UserError(
            f"{where}: bbox is {shown(bbox)}, not four numbers [x, y, w, h]"
        )
    if not all(map(_is_number, bbox)):
        raise UserError(f"{where}: bbox {shown(bbox)} has NaN or too large a number")
    return [float(value) for value in bbox]


def _area(annotation, where):
    value = annotation.get("area")
    if value is not None and not (_is_number(value) and value >= 0):
        raise UserError(f"{where}: area is {shown(value)}, not a number from 0 up")
    return value


def _flag(annotation, key, where):
    value = annotation.get(key)
    if value in (None, "", 0, "0", "0.0", "false", "False"):
        return False
    if value in (1, "1", "1.0", "true", "True"):
        return True
    raise UserError(f"{where}: {key} is {shown(value)}, neither 0 nor 1")


def _is_plain(value):
    return type(value) in (int, float)


def _is_number(value):
    """Whether a value is a number that floats have, and finite."""
    try:
        return _is_plain(value) and math.isfinite(float(value))
    except OverflowError:
        return False


def _other_kind(data):
    """What a file seems to be instead, as the end of a sentence."""
    if isinstance(data, list):
        first = data[0] if data and isinstance(data[0], dict) else {}
        if "score" in first and "image_id" in first:
            return ". This is a list of detections (a results file), not of annotations"
        if "image" in first and "annotations" in first:
            return ". This looks like CreateML: export it as COCO"
        return ". This is a list"
    if not isinstance(data, dict):
        return ""
    if "shapes" in data and "imagePath" in data:
        return ". This looks like one file of LabelMe: convert the folder to COCO first"
    entries = [v for v in collections.deque(data.values(), 1) if isinstance(v, dict)]
    if "_via_img_metadata" in data or any("regions" in entry for entry in entries):
        return ". This looks like a project of VIA: export it as COCO there"
    return ""
