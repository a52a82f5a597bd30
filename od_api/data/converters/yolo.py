"""YOLO text labels to TFRecords.

One text file an image, one object a line: class index from 0, then x and y of the
centre, width and height, all divided by the image's size. Lines with a polygon (three
points or more) become the box around it, and keypoints behind a box are left out.
Without a label map index i becomes id i + 1.
"""

from pathlib import Path

from od_api.core.printable import printable
from od_api.data.converters import label_files
from od_api.data.converters.conversion_options import Options
from od_api.data.converters.convert import Box, LabelledImage, write_records
from od_api.data.converters.yolo_labels import Columns, read_labels
from od_api.data.converters.yolo_names import Names, load_names


def convert_yolo(images_dir, labels_dir, names, output_prefix, **options):
    """Converts a folder of images and the folder of their label files.

    Sub-folders are included; labels lie in the same ones, or in `labels` where images
    lie in `images`. An image without a label file, or with an empty one, is written as
    one without objects; a label file without an image is counted. `source_id` is the
    image's path inside `images_dir`.

    Args:
      images_dir: folder of images.
      labels_dir: folder of .txt files with the images' names.
      names: list of class names, or a file: one name a line, or YAML with `names` (and
        `kpt_shape` for keypoints).
      output_prefix: path and first part of the records' names.
      **options: as `Options` has them.

    Returns:
      The summary of `convert.write_records`, with images_without_label_file.

    Raises:
      UserError: a file is missing or malformed, or a class index has no name.
    """
    options = Options(**options)
    images, class_ids, pairs = yolo_images(
        images_dir, labels_dir, names, options.class_ids
    )
    summary = write_records(images, output_prefix, class_ids, options)
    return label_files.with_unused(summary, Path(images_dir), Path(labels_dir), pairs)


def yolo_images(images_dir, labels_dir, names, make_ids):
    """([LabelledImage] of all images, their class ids, `label_files.pairs`).

    Args:
      make_ids: as `Options.class_ids`.
      others: as `convert_yolo`.

    Raises:
      UserError: as `convert_yolo`, but for the images.
    """
    is_file = isinstance(names, str | Path)
    source = printable(names) if is_file else "names"
    names, keypoints = load_names(names) if is_file else Names(list(names))
    pairs = label_files.pairs(Path(images_dir), Path(labels_dir))
    columns = Columns(len(names), keypoints)
    rows = {label: read_labels(label, columns) for _, label in pairs if label}
    used = {names[r.index]: r.where for found in rows.values() for r in found}
    class_ids = make_ids(source, dict(enumerate(names, 1)), used)
    images = [
        _image(Path(images_dir), relative, label, rows.get(label, ()), names, class_ids)
        for relative, label in pairs
    ]
    return images, class_ids, pairs


def _image(images_dir, relative, label, rows, names, class_ids):
    def make_boxes(width, height):
        return [_box(row, names[row.index], class_ids, width, height) for row in rows]

    path = images_dir / relative
    where = printable(label or path)
    return LabelledImage(path, relative.as_posix(), make_boxes, where=where)


def _box(row, name, class_ids, width, height):
    xmin, ymin, xmax, ymax = row.edges
    return Box(
        xmin=xmin * width,
        ymin=ymin * height,
        xmax=xmax * width,
        ymax=ymax * height,
        class_id=class_ids.id_of(name),
        class_text=name,
        where=row.where,
        note=row.note,
    )
