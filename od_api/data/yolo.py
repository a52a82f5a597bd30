"""YOLO text labels to TFRecords.

One text file an image, one object a line: class index from 0, then x and y of the
centre, width and height, all divided by the image's size. Lines with a polygon (three
points or more) become the box around it. Index i becomes id i + 1.
"""

import re
from pathlib import Path

from od_api.core.errors import UserError
from od_api.data.convert import EXAMPLES, Box, LabelledImage, write_records
from od_api.data.label_map import LabelMap

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif"}
# Rounding in the text may carry a box this far over the border.
_TOLERANCE = 0.01


def convert_yolo(
    images_dir,
    labels_dir,
    names,
    output_prefix,
    *,
    label_map_out=None,
    num_shards=1,
    **options,
):
    """Converts a folder of images and the folder of their label files.

    Sub-folders are included; labels lie in the same ones. An image without a label
    file, or with an empty one, is written as one without objects; a label file without
    an image is counted. `source_id` is the image's path inside `images_dir`.

    Args:
      images_dir: folder of images.
      labels_dir: folder of .txt files with the images' names.
      names: list of class names, or a file: one name a line, or YAML with `names`.
      output_prefix: path and first part of the records' names.
      label_map_out: where to write the label map; None writes none.
      num_shards: number of record files.
      **options: seed, skip_bad_images and progress of `convert.write_records`.

    Returns:
      The summary of `convert.write_records`, with images_without_label_file.

    Raises:
      UserError: a file is missing or malformed, or a class index has no name.
    """
    names = load_names(names) if isinstance(names, str | Path) else list(names)
    images_dir, labels_dir = Path(images_dir), Path(labels_dir)
    paths = sorted(
        p for p in images_dir.rglob("*") if p.suffix.lower() in _IMAGE_SUFFIXES
    )
    if not paths:
        raise UserError(f"{images_dir}: there are no images here")
    images, unlabelled, used = [], 0, set()
    for path in paths:
        relative = path.relative_to(images_dir)
        label_path = (labels_dir / relative).with_suffix(".txt")
        used.add(label_path)
        unlabelled += not label_path.is_file()
        images.append(_image(path, str(relative), label_path, names))
    if unlabelled == len(images):
        raise UserError(
            f"{labels_dir}: not one image of {images_dir} has its label file here"
        )
    summary = write_records(images, output_prefix, num_shards=num_shards, **options)
    _add_orphans(summary, labels_dir, used)
    if label_map_out is not None:
        LabelMap.from_names(names).save(label_map_out)
    return {**summary, "images_without_label_file": unlabelled}


def load_names(path):
    """Class names of a text file (one a line) or of `names` in a YAML file, in order.

    Understands the forms of `names` that are in use: a list or a mapping from index to
    name, on one line or on many.

    Raises:
      UserError: there is no file, or it has no names.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if path.suffix not in (".yaml", ".yml"):
        names = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        names = _yaml_names(text, path)
    if not names:
        raise UserError(f"{path}: has no class names")
    return names


def _yaml_names(text, path):
    match = re.search(r"^names:[ \t]*(.*(?:\n(?:[ \t#-].*)?)*)", text, re.MULTILINE)
    if match is None:
        raise UserError(f"{path}: has no 'names:' with the class names")
    block = re.sub(r"(^|\s)#.*", "", match[1]).strip()
    if block[:1] in ("[", "{"):
        items = re.findall(r"""(?:[^,"']|"[^"]*"|'[^']*')+""", block[1:].rstrip("]}"))
    else:
        items = block.splitlines()
    items = [item.strip() for item in items if item.strip()]
    names = []
    for item in items:
        index, colon, name = item.partition(":")
        if not (colon and index.strip().isdigit()):
            index, name = len(names), item.removeprefix("-")
        if int(index) != len(names):
            raise UserError(
                f"{path}: names must count 0, 1, 2, ... in order, but {item!r} comes "
                f"at {len(names)}"
            )
        names.append(name.strip().strip("\"'"))
    return names


def _image(path, source_id, label_path, names):
    rows = _read_labels(label_path, names) if label_path.is_file() else []

    def make_boxes(width, height):
        return [_box(row, names, width, height) for row in rows]

    return LabelledImage(path, source_id, make_boxes, where=str(label_path))


def _read_labels(path, names):
    """[(class index, (xmin, ymin, xmax, ymax) in 0..1, place), ...] of a label file."""
    rows = []
    for number, line in enumerate(
        path.read_text(encoding="utf-8", errors="replace").splitlines(), 1
    ):
        if line.strip():
            rows.append(_read_line(line, f"{path}:{number}", names))
    return rows


def _read_line(line, where, names):
    words = line.split()
    try:
        index, values = float(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise UserError(
            f"{where}: has {len(words)} columns; a line is 'class x y width height', "
            "or 'class x1 y1 x2 y2 x3 y3 ...' for a polygon"
        )
    if index not in range(len(names)):
        raise UserError(
            f"{where}: class {words[0]}, but there are names for 0 to {len(names) - 1}"
        )
    outside = [v for v in values if not -_TOLERANCE <= v <= 1 + _TOLERANCE]
    if outside:
        raise UserError(
            f"{where}: {outside[0]:g} is not within 0..1; divide pixels by the image's "
            "width and height"
        )
    return int(index), _edges(values), where


def _edges(values):
    if len(values) > 4:
        xs, ys = values[::2], values[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _box(row, names, width, height):
    index, (xmin, ymin, xmax, ymax), where = row
    return Box(
        xmin=xmin * width,
        ymin=ymin * height,
        xmax=xmax * width,
        ymax=ymax * height,
        class_id=index + 1,
        class_text=names[index],
        where=where,
    )


def _add_orphans(summary, labels_dir, used):
    """Counts label files without an image, which hint at a lost one."""
    orphans = [
        str(path)
        for path in sorted(labels_dir.rglob("*.txt"))
        if path not in used and path.name != "classes.txt"
    ]
    if orphans:
        reason = "label file without an image"
        summary["skipped"][reason] = len(orphans)
        summary["examples"][reason] = orphans[:EXAMPLES]
