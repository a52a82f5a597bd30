"""KITTI's labels of 2D objects to TFRecords (Geiger et al., CVPR 2012).

One text file an image, one object a line: type, truncation, occlusion, angle, the box
as left, top, right and bottom in pixels from 0, and seven numbers of it in space.
Classes are the types in small letters, as the old API's tool wrote them. `DontCare` is
no class: such a region is neither object nor background.
"""

from pathlib import Path
from typing import NamedTuple

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters import label_files
from od_api.data.converters.conversion_options import Options
from od_api.data.converters.conversion_summary import EXAMPLES
from od_api.data.converters.convert import Box, LabelledImage, write_records
from od_api.data.converters.numerals import number, shown
from od_api.system.files import read_text

_COLUMNS = 15
_EDGES = slice(4, 8)
_DONT_CARE = "dontcare"
_REGIONS = "of these are DontCare regions, one for each class"


def convert_kitti(images_dir, labels_dir, output_prefix, *, classes=(), **options):
    """Converts a folder of images and the folder of their label files.

    A DontCare region is written behind the objects, once for each class, as a crowd
    that is difficult, too: training ignores it whatever the class, and metrics count
    neither it nor detections in it. `source_id` is the image's path in `images_dir`.

    Args:
      images_dir: folder of images, such as image_2.
      labels_dir: folder of .txt files with the images' names, such as label_2.
      output_prefix: path and first part of the records' names.
      classes: types that are converted, in any case; others are left out and counted.
        None: all of them. They get ids in this order, or else in the alphabet's.
      **options: as `Options` has them.

    Returns:
      The summary of `convert.write_records`, with images_without_label_file.

    Raises:
      UserError: a file is missing or malformed, or a class that no object has.
    """
    options, wanted = Options(**options), _wanted(classes)
    images_dir, labels_dir = Path(images_dir), Path(labels_dir)
    pairs = label_files.pairs(images_dir, labels_dir)
    rows = {label: _read(label) for _, label in pairs if label}
    types = {r.type: r.where for found in rows.values() for r in found}
    types.pop(_DONT_CARE, None)
    names = wanted or sorted(types)
    _check(names, types, labels_dir)
    used = {name: types[name] for name in names}
    declared = dict(enumerate(names, 1))
    class_ids = options.class_ids(printable(labels_dir), declared, used)
    images = [
        _image(images_dir, relative, label, rows.get(label, ()), used, class_ids)
        for relative, label in pairs
    ]
    summary = write_records(images, output_prefix, class_ids, options)
    _add_left_out(summary, rows, used)
    return label_files.with_unused(summary, images_dir, labels_dir, pairs)


class _Row(NamedTuple):
    """One line: its type in small letters, (left, top, right, bottom), `file:line`."""

    type: str
    edges: tuple
    where: str


def _wanted(classes):
    names = list(dict.fromkeys(name.strip().lower() for name in classes))
    if _DONT_CARE in names:
        raise UserError(
            "--classes DontCare: it is no class; such regions are always ignored"
        )
    return names


def _check(names, types, labels_dir):
    if not names:
        raise UserError(f"{printable(labels_dir)}: no label file has an object")
    lacking = [name for name in names if name not in types]
    if lacking:
        raise UserError(
            f"--classes {printable(lacking[0])}: no object of "
            f"{printable(labels_dir)} is one; there are "
            f"{printable(', '.join(sorted(types)) or 'none')}"
        )


def _read(path):
    """The `_Row`s of a label file."""
    text, name = read_text(path, "label file"), printable(path)
    return [
        _row(line.split(), f"{name}:{n}")
        for n, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]


def _row(words, where):
    if len(words) == _COLUMNS + 1:
        raise UserError(
            f"{where}: has a score behind its {_COLUMNS} columns, as results have it: "
            "these are no labels"
        )
    if len(words) != _COLUMNS:
        raise UserError(
            f"{where}: has {len(words)} columns, and KITTI's labels have {_COLUMNS}"
        )
    try:
        numbers = [number(word) for word in words[1:]]
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    if not words[0].replace("_", "").isalpha():
        raise UserError(f"{where}: {shown(words[0])} is no type of object")
    edges = tuple(numbers[i - 1] for i in range(_EDGES.start, _EDGES.stop))
    return _Row(words[0].lower(), edges, where)


def _image(images_dir, relative, label, rows, used, class_ids):
    objects = [r for r in rows if r.type in used]
    regions = [r for r in rows if r.type == _DONT_CARE]
    boxes = [_box(row, row.type, class_ids) for row in objects]
    boxes += [
        _box(row, name, class_ids, is_crowd=True, difficult=True, note=_REGIONS)
        for row in regions
        for name in used
    ]
    path = images_dir / relative
    where = printable(label or path)
    return LabelledImage(
        path, relative.as_posix(), lambda width, height: boxes, where=where
    )


def _box(row, name, class_ids, **flags):
    xmin, ymin, xmax, ymax = row.edges
    return Box(
        xmin=xmin,
        ymin=ymin,
        xmax=xmax,
        ymax=ymax,
        class_id=class_ids.id_of(name),
        class_text=name,
        where=row.where,
        **flags,
    )


def _add_left_out(summary, rows, used):
    """Counts objects of types that are not converted."""
    places = [
        f"{row.where} ({row.type})"
        for found in rows.values()
        for row in found
        if row.type not in used and row.type != _DONT_CARE
    ]
    if places:
        reason = "object of a class that --classes does not name"
        summary["skipped"][reason] = len(places)
        summary["examples"][reason] = places[:EXAMPLES]
