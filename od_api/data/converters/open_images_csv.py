"""Open Images' CSV files to TFRecords (Kuznetsova et al., IJCV 2020).

One file has the boxes, one a row, in 0..1 of the image; another one says which classes
people have looked for in an image, and whether they found them (Confidence 1 or 0).
Records have the old API's fields: group_of, occluded, truncated and depiction of boxes,
and image/class/* of images. Classes are called by their codes (/m/01yrx); the label map
shows their names where a file of descriptions tells them.
"""

import collections
import csv
from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.conversion_options import Options
from od_api.data.converters.conversion_summary import with_left_out
from od_api.data.converters.convert import Box, LabelledImage, write_records
from od_api.data.converters.file_names import visible_files
from od_api.data.converters.numerals import number, shown
from od_api.data.converters.open_images_hierarchy import classes_above
from od_api.data.label_map import LabelMap
from od_api.pictures.decoding import SUFFIXES
from od_api.system.files import read_text

_IDS = ("ImageID", "LabelName")
_EDGES = ("XMin", "YMin", "XMax", "YMax")
# Columns of the boxes' file, and what records call them; -1 is not known.
_FLAGS = {
    "IsGroupOf": "group_of",
    "IsOccluded": "occluded",
    "IsTruncated": "truncated",
    "IsDepiction": "depiction",
}
_ELSEWHERE = "image of the CSV file that is not in the folder"
_UNLABELLED = "image of which no CSV file speaks"
_OTHER_CLASS = "box of a class that the label map lacks"


def convert_open_images(
    boxes_csv,
    images_dir,
    output_prefix,
    *,
    labels_csv=None,
    names=None,
    hierarchy=None,
    **options,
):
    """Converts the images of a folder that the CSV files speak of.

    Images are called by their ids, `<ImageID>.jpg`; `source_id` is the id. With
    `label_map_in` boxes of other classes are left out and counted, and so are, always,
    labels of images of classes that no box can have.

    Args:
      boxes_csv: ImageID, LabelName, XMin, XMax, YMin, YMax, and maybe IsGroupOf and
        the other flags.
      images_dir: folder of images, sub-folders included.
      output_prefix: path and first part of the records' names.
      labels_csv: ImageID, LabelName, Confidence; None: no image/class/*.
      names: CSV file of codes and names, which also gives the ids, 1, 2, ... in its
        order; None: ids in the order of the codes.
      hierarchy: JSON file of which class is above which, for the label map; None: none.
      **options: as `Options` has them.

    Returns: the summary of `convert.write_records`.

    Raises:
      UserError: a file is missing or malformed, or no image is in the folder.
    """
    options = Options(**options)
    left_out = collections.defaultdict(list)
    rows = list(_rows(boxes_csv, (*_IDS, *_EDGES)))
    rows = _of_known_classes(rows, options.label_map_in, left_out)
    class_ids = _class_ids(options, printable(boxes_csv), rows, names, hierarchy)
    images = _images(Path(images_dir), rows, labels_csv, class_ids, left_out)
    summary = write_records(images, output_prefix, class_ids, options)
    return with_left_out(summary, left_out)


def _class_ids(options, source, rows, names, hierarchy):
    """The ClassIds of the classes that rows have and the files tell of."""
    shown_names = _descriptions(names) if names else {}
    used = {row["LabelName"]: where for row, where in reversed(rows)}
    declared = dict(enumerate(shown_names or sorted(used), 1))
    class_ids = options.class_ids(source, declared, used)
    class_ids.show(shown_names)
    if hierarchy:
        class_ids.relate(classes_above(hierarchy))
    return class_ids


def _rows(path, columns):
    """Yields ({column: text}, `file:line`) of a CSV file with a heading."""
    name = printable(path)
    reader = csv.DictReader(read_text(path, "CSV file").split("\n"))
    missing = [c for c in columns if c not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{name}:1: has no column {missing[0]} in its heading")
    for row in reader:
        where = f"{name}:{reader.line_num}"
        if None in row or None in row.values():
            raise UserError(f"{where}: has more or fewer columns than its heading")
        if empty := [column for column in columns if not row[column]]:
            raise UserError(f"{where}: has no {empty[0]}")
        yield row, where


def _descriptions(path):
    """{code: name}, in the order of the file, which may have a heading."""
    found, first = {}, {}
    lines = csv.reader(read_text(path, "file of names").split("\n"))
    for n, row in enumerate(lines, 1):
        if not row or (n == 1 and row[0] == "LabelName"):
            continue
        where = f"{printable(path)}:{n}"
        if len(row) != 2 or not all(map(str.strip, row)):
            raise UserError(f"{where}: is no code and name of a class: {shown(row)}")
        if row[0] in found:
            raise UserError(
                f"{where}: {shown(row[0])} is there already: {first[row[0]]}"
            )
        found[row[0]], first[row[0]] = row[1], where
    if not found:
        raise UserError(f"{printable(path)}: has no classes")
    return found


def _of_known_classes(rows, label_map_path, left_out):
    """The rows whose class the label map has, if one is given."""
    if not label_map_path:
        return rows
    known = LabelMap.load(label_map_path).text_to_id
    for row, where in rows:
        if row["LabelName"] not in known:
            left_out[_OTHER_CLASS].append(f"{where} ({printable(row['LabelName'])})")
    return [both for both in rows if both[0]["LabelName"] in known]


def _images(folder, rows, labels_csv, class_ids, left_out):
    """A LabelledImage of every image that is there, in the order of the ids."""
    paths = {p.stem: folder / p for p in visible_files(folder, SUFFIXES)}
    labels = list(_rows(labels_csv, (*_IDS, "Confidence"))) if labels_csv else []
    boxes, classes = collections.defaultdict(list), collections.defaultdict(dict)
    for row, where in rows:
        boxes[row["ImageID"]].append((row, where))
    for row, where in labels:
        class_id = class_ids.id_of(row["LabelName"])
        found = classes[row["ImageID"]]
        if class_id is not None:
            confidence = _number(row, "Confidence", where)
            found[row["LabelName"]] = (class_id, confidence)
    listed = boxes.keys() | classes.keys()
    left_out[_ELSEWHERE] += sorted(map(printable, listed - paths.keys()))
    left_out[_UNLABELLED] += [printable(p) for i, p in paths.items() if i not in listed]
    if not listed & paths.keys():
        raise UserError(
            "the folder of images has none of those that the CSV files speak of "
            f"(<ImageID>.jpg): {', '.join(left_out[_ELSEWHERE][:3])}"
        )
    return [
        _image(image_id, paths[image_id], boxes[image_id], classes[image_id], class_ids)
        for image_id in sorted(listed & paths.keys())
    ]


def _image(image_id, path, rows, classes, class_ids):
    def make_boxes(width, height):
        return [_box(row, where, class_ids, width, height) for row, where in rows]

    where = rows[0][1] if rows else printable(path)
    image_classes = [(name, *known) for name, known in classes.items()]
    return LabelledImage(
        path, image_id, make_boxes, where=where, image_classes=image_classes
    )


def _box(row, where, class_ids, width, height):
    xmin, ymin, xmax, ymax = (_number(row, edge, where) for edge in _EDGES)
    for edge, value in zip(_EDGES, (xmin, ymin, xmax, ymax), strict=True):
        if not -1 <= value <= 2:
            raise UserError(f"{where}: {edge} is {value:g}, and edges are in 0..1")
    flags = {
        name: _number(row, column, where) > 0
        for column, name in _FLAGS.items()
        if row.get(column)
    }
    return Box(
        xmin=xmin * width,
        ymin=ymin * height,
        xmax=xmax * width,
        ymax=ymax * height,
        class_id=class_ids.id_of(row["LabelName"]),
        class_text=row["LabelName"],
        where=where,
        flags=flags,
    )


def _number(row, column, where):
    try:
        return number(row[column])
    except ValueError as error:
        raise UserError(f"{where}: {column}: {error}") from error
