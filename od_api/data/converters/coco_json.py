"""COCO JSON to TFRecords. Category ids are kept, gaps included."""

import collections
import functools
from typing import NamedTuple

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.class_ids import ClassIds
from od_api.data.converters.coco_file import annotation_place, get, length, load_coco
from od_api.data.converters.coco_masks import decode_mask, encode_png
from od_api.data.converters.conversion_options import Options
from od_api.data.converters.convert import Box, LabelledImage, write_records
from od_api.data.converters.file_names import Folder
from od_api.data.converters.numerals import shown
from od_api.system.path_names import inside


def convert_coco(
    annotation_json,
    image_dir,
    output_prefix,
    label_map_out=None,
    *,
    include_masks=False,
    renumber=False,
    **options,
):
    """Converts one COCO annotation file and its images.

    Crowd boxes are kept and marked, the annotation's `area` is kept, and `source_id` is
    the image id. Images without annotations are written too. A label map decides the
    ids by the categories' names, not by their ids.

    Args:
      annotation_json: with images, annotations and categories.
      image_dir: folder that `file_name` of the images is relative to.
      output_prefix: path and first part of the records' names.
      include_masks: also writes every object's mask as PNG.
      renumber: without a label map, gives the categories ids 1, 2, ... in the order of
        their ids, which also makes files usable whose ids begin with 0.
      label_map_out, **options: as `Options` has them.

    Returns:
      The summary of `convert.write_records`.

    Raises:
      UserError: the file is malformed, or an image is missing or broken.
    """
    options = Options(label_map_out=label_map_out, **options)
    images, class_ids = coco_images(
        annotation_json,
        image_dir,
        options.class_ids,
        include_masks=include_masks,
        renumber=renumber,
    )
    return write_records(images, output_prefix, class_ids, options)


def coco_images(
    annotation_json, image_dir, make_ids, *, include_masks=False, renumber=False
):
    """([LabelledImage] of all images, in the file's order; their class ids).

    Args:
      make_ids: as `Options.class_ids`.
      others: as `convert_coco`.

    Raises:
      UserError: the file is malformed.
    """
    data = load_coco(annotation_json)
    names = {c["id"]: c["name"] for c in data["categories"]}
    declared = dict(enumerate(map(names.get, sorted(names)), 1)) if renumber else names
    used = _used(data["annotations"], annotation_json, names)
    class_ids = make_ids(printable(annotation_json), declared, used)
    maker = _BoxMaker(annotation_json, names, class_ids, include_masks)
    return _images(data, annotation_json, Folder(image_dir), maker), class_ids


def _used(annotations, path, names):
    """{name of a category: the first annotation of it}."""
    used = {}
    for index, annotation in enumerate(annotations):
        where = annotation_place(path, annotation, index)
        used.setdefault(names[annotation["category_id"]], where)
    return used


def _images(data, path, folder, maker):
    """A LabelledImage of every image of the file."""
    per_image = collections.defaultdict(list)
    for annotation in data["annotations"]:
        per_image[annotation["image_id"]].append(annotation)
    images = []
    for entry in data["images"]:
        where = f"{printable(path)}: image {printable(entry['id'])}"
        image = LabelledImage(
            path=_image_path(entry, folder, where),
            source_id=str(entry["id"]),
            make_boxes=functools.partial(maker.boxes, per_image[entry["id"]]),
            width=length(entry, "width", where),
            height=length(entry, "height", where),
            where=where,
        )
        images.append(image)
    return images


def _image_path(entry, folder, where):
    """The image's path, which is in the folder."""
    name = get(entry, "file_name", where)
    if not isinstance(name, str) or not name:
        raise UserError(f"{where}: file_name is {shown(name)}, not a name")
    path = inside(folder.root, name, f"{where}: file_name")
    return folder.find(name) or path


class _BoxMaker(NamedTuple):
    """Makes boxes of annotations, with masks decoded as they are written.

    Attributes:
      path: of the annotation file.
      names: {id of a category: its name}.
      class_ids: a `ClassIds`.
      include_masks: whether boxes have masks.
    """

    path: str
    names: dict
    class_ids: ClassIds
    include_masks: bool

    def boxes(self, annotations, width, height):
        """The boxes of an image of that size."""
        return [self._box(a, width, height) for a in annotations]

    def _box(self, annotation, width, height):
        x, y, box_width, box_height = annotation["bbox"]
        where = annotation_place(self.path, annotation)
        name = self.names[annotation["category_id"]]
        mask_png = functools.partial(_mask_png, annotation, where, width, height)
        return Box(
            xmin=x,
            ymin=y,
            xmax=x + box_width,
            ymax=y + box_height,
            class_id=self.class_ids.id_of(name),
            class_text=name,
            is_crowd=annotation["iscrowd"],
            area=annotation["area"],
            mask_png=mask_png if self.include_masks else None,
            where=where,
        )


def _mask_png(annotation, where, width, height):
    shape = get(annotation, "segmentation", where)
    try:
        return encode_png(decode_mask(shape, width, height))
    except ValueError as error:
        raise UserError(f"{where}: bad segmentation: {error}") from error
