"""COCO JSON to TFRecords. Category ids are kept, gaps included."""

import collections

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.class_ids import ClassIds
from od_api.data.converters.coco_file import annotation_place, get, length, load_coco
from od_api.data.converters.coco_masks import decode_mask, encode_png
from od_api.data.converters.convert import Box, LabelledImage, write_records
from od_api.data.converters.file_names import Folder
from od_api.data.converters.numerals import shown
from od_api.system.path_names import inside


def convert_coco(
    annotation_json,
    image_dir,
    output_prefix,
    label_map_out=None,
    num_shards=1,
    include_masks=False,
    *,
    label_map_in=None,
    extend_label_map=False,
    renumber=False,
    **options,
):
    """Converts one COCO annotation file and its images.

    Crowd boxes are kept and marked, the annotation's `area` is kept, and `source_id` is
    the image id. Images without annotations are written too.

    Args:
      annotation_json: with images, annotations and categories.
      image_dir: folder that `file_name` of the images is relative to.
      output_prefix: path and first part of the records' names.
      label_map_in, label_map_out, extend_label_map: as `ClassIds` has them. A label map
        decides the ids by the categories' names, not by their ids.
      num_shards: number of record files.
      include_masks: also writes every object's mask as PNG.
      renumber: without a label map, gives the categories ids 1, 2, ... in the order of
        their ids, which also makes files usable whose ids begin with 0.
      **options: seed, skip_bad_images, max_pixels and progress of
        `convert.write_records`.

    Returns:
      The summary of `convert.write_records`.

    Raises:
      UserError: the file is malformed, or an image is missing or broken.
    """
    data = load_coco(annotation_json)
    names = {c["id"]: c["name"] for c in data["categories"]}
    per_image, used = collections.defaultdict(list), {}
    for index, annotation in enumerate(data["annotations"]):
        per_image[annotation["image_id"]].append(annotation)
        where = annotation_place(annotation_json, annotation, index)
        used.setdefault(names[annotation["category_id"]], where)
    class_ids = ClassIds(
        printable(annotation_json),
        dict(enumerate(map(names.get, sorted(names)), 1)) if renumber else names,
        used,
        given=label_map_in,
        out=label_map_out,
        extend=extend_label_map,
    )
    folder = Folder(image_dir)
    images = []
    for entry in data["images"]:
        where = f"{printable(annotation_json)}: image {printable(entry['id'])}"
        make_boxes = _box_maker(
            per_image[entry["id"]], annotation_json, names, class_ids, include_masks
        )
        image = LabelledImage(
            path=_image_path(entry, folder, where),
            source_id=str(entry["id"]),
            make_boxes=make_boxes,
            width=length(entry, "width", where),
            height=length(entry, "height", where),
            where=where,
        )
        images.append(image)
    return write_records(
        images, output_prefix, num_shards=num_shards, class_ids=class_ids, **options
    )


def _image_path(entry, folder, where):
    """The image's path, which is in the folder."""
    name = get(entry, "file_name", where)
    if not isinstance(name, str) or not name:
        raise UserError(f"{where}: file_name is {shown(name)}, not a name")
    path = inside(folder.root, name, f"{where}: file_name")
    return folder.find(name) or path


def _box_maker(annotations, path, names, class_ids, include_masks):
    """A function (width, height) -> boxes, with masks decoded as they are written."""

    def make_boxes(width, height):
        return [_box(a, width, height) for a in annotations]

    def _box(annotation, width, height):
        x, y, box_width, box_height = annotation["bbox"]
        where = annotation_place(path, annotation)
        name = names[annotation["category_id"]]

        def mask_png():
            shape = get(annotation, "segmentation", where)
            try:
                return encode_png(decode_mask(shape, width, height))
            except ValueError as error:
                raise UserError(f"{where}: bad segmentation: {error}") from error

        return Box(
            xmin=x,
            ymin=y,
            xmax=x + box_width,
            ymax=y + box_height,
            class_id=class_ids.id_of(name),
            class_text=name,
            is_crowd=annotation["iscrowd"],
            area=annotation["area"],
            mask_png=mask_png if include_masks else None,
            where=where,
        )

    return make_boxes
