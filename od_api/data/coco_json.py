"""COCO JSON to TFRecords. Category ids are kept, gaps included."""

import collections
import json
from pathlib import Path

from od_api.core.errors import UserError
from od_api.data.coco_masks import decode_mask, encode_png
from od_api.data.convert import Box, LabelledImage, write_records
from od_api.data.label_map import LabelMap

# The label map's ids are int32.
_LARGEST_ID = 2**31 - 1


def convert_coco(
    annotation_json,
    image_dir,
    output_prefix,
    label_map_out=None,
    num_shards=1,
    include_masks=False,
    *,
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
      label_map_out: where to write the label map; None writes none.
      num_shards: number of record files.
      include_masks: also writes every object's mask as PNG.
      renumber: gives the categories ids 1, 2, ... in the order of their ids, which also
        makes files usable whose ids begin with 0.
      **options: seed, skip_bad_images and progress of `convert.write_records`.

    Returns:
      The summary of `convert.write_records`.

    Raises:
      UserError: the file is malformed, or an image is missing or broken.
    """
    data = load_coco(annotation_json)
    label_map, ids = _classes(data, annotation_json, renumber)
    per_image = _by_image(data, annotation_json, ids)
    images = []
    for entry in data["images"]:
        where = f"{annotation_json}: image {entry['id']}"
        annotations = per_image[entry["id"]]
        image = LabelledImage(
            path=Path(image_dir) / str(_get(entry, "file_name", where)),
            source_id=str(entry["id"]),
            make_boxes=_box_maker(
                annotations, annotation_json, label_map, ids, include_masks
            ),
            width=_optional_number(entry, "width", where),
            height=_optional_number(entry, "height", where),
            where=where,
        )
        images.append(image)
    summary = write_records(images, output_prefix, num_shards=num_shards, **options)
    if label_map_out is not None:
        label_map.save(label_map_out)
    return summary


def load_coco(path):
    """Reads a COCO annotation file and checks its outer structure.

    Raises:
      UserError: it does not exist, is not JSON, lacks a list, or an id is there twice.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not text in UTF-8: {error}") from error
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise UserError(f"{place}: is not valid JSON: {error.msg}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise UserError(
                f"{path}: has no list {key!r}; a COCO file for detection needs the "
                "lists images, annotations and categories"
            )
    _check_ids(data["images"], f"{path}: image", (int, str))
    _check_ids(data["categories"], f"{path}: category", (int,))
    return data


def _check_ids(entries, where, types):
    seen = set()
    for index, entry in enumerate(entries):
        key = _get(entry, "id", f"{where} number {index}")
        if type(key) not in types:
            raise UserError(f"{where} number {index}: its id {key!r} is not a number")
        if key in seen:
            raise UserError(f"{where} id {key} is there twice")
        seen.add(key)


def _classes(data, path, renumber):
    """The label map, and {id in the file: id in the records}."""
    categories = sorted(data["categories"], key=lambda c: c["id"])
    if not categories:
        raise UserError(f"{path}: its list 'categories' is empty")
    if categories[0]["id"] < 1 and not renumber:
        raise UserError(
            f"{path}: category {categories[0].get('name')!r} has id "
            f"{categories[0]['id']}, but ids in records start at 1 (0 is the "
            "background): convert with --renumber"
        )
    if categories[-1]["id"] > _LARGEST_ID and not renumber:
        raise UserError(
            f"{path}: category id {categories[-1]['id']} is too large for a label map: "
            "convert with --renumber"
        )
    ids = {c["id"]: i if renumber else c["id"] for i, c in enumerate(categories, 1)}
    names = {
        ids[c["id"]]: str(_get(c, "name", f"{path}: category {c['id']}"))
        for c in categories
    }
    return LabelMap.from_names(names), ids


def _by_image(data, path, ids):
    """Annotations by image id; each one refers to things that exist."""
    images = {entry["id"] for entry in data["images"]}
    per_image = collections.defaultdict(list)
    for index, annotation in enumerate(data["annotations"]):
        where = _where(path, annotation, index)
        image_id = _get(annotation, "image_id", where)
        if type(image_id) not in (int, str) or image_id not in images:
            raise UserError(f"{where}: image_id {image_id} is not among the images")
        category = _get(annotation, "category_id", where)
        if type(category) is not int or category not in ids:
            raise UserError(f"{where}: category_id {category} is not a category")
        _check_bbox(_get(annotation, "bbox", where), where)
        _optional_number(annotation, "area", where)
        per_image[image_id].append(annotation)
    return per_image


def _check_bbox(bbox, where):
    numbers = isinstance(bbox, list) and all(type(v) in (int, float) for v in bbox)
    if not numbers or len(bbox) != 4:
        raise UserError(f"{where}: bbox is {bbox}, not four numbers [x, y, w, h]")


def _box_maker(annotations, path, label_map, ids, include_masks):
    """A function (width, height) -> boxes, with masks decoded as they are written."""

    def make_boxes(width, height):
        return [_box(a, width, height) for a in annotations]

    def _box(annotation, width, height):
        x, y, box_width, box_height = annotation["bbox"]
        where = _where(path, annotation)
        class_id = ids[annotation["category_id"]]

        def mask_png():
            shape = _get(annotation, "segmentation", where)
            try:
                return encode_png(decode_mask(shape, width, height))
            except ValueError as error:
                raise UserError(f"{where}: bad segmentation: {error}") from error

        return Box(
            xmin=x,
            ymin=y,
            xmax=x + box_width,
            ymax=y + box_height,
            class_id=class_id,
            class_text=label_map.name(class_id),
            is_crowd=bool(annotation.get("iscrowd", 0)),
            area=annotation.get("area"),
            mask_png=mask_png if include_masks else None,
            where=where,
        )

    return make_boxes


def _where(path, annotation, index=None):
    named = isinstance(annotation, dict) and "id" in annotation
    return f"{path}: annotation {annotation['id'] if named else f'number {index}'}"


def _optional_number(entry, key, where):
    value = entry.get(key)
    if value is not None and type(value) not in (int, float):
        raise UserError(f"{where}: {key} is {value!r}, not a number")
    return value


def _get(entry, key, where):
    if not isinstance(entry, dict):
        raise UserError(f"{where}: is {entry!r}, not an object with {key!r}")
    if key not in entry:
        raise UserError(f"{where}: has no {key!r}")
    return entry[key]
