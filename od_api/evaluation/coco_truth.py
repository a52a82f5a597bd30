"""Ground truth of a COCO file alone: its images are not needed."""

import collections

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.coco_file import annotation_place, length, load_coco
from od_api.data.converters.coco_masks import decode_mask
from od_api.data.label_map import LabelMap
from od_api.pictures import rle
from od_api.protos import string_int_label_map_pb2

_FREQUENCIES = {"r": "RARE", "c": "COMMON", "f": "FREQUENT"}
# What LVIS says of the classes of whole images.
_KNOWN = {
    "neg_category_ids": "negative_classes",
    "not_exhaustive_category_ids": "not_exhaustive_classes",
}


class CocoTruth:
    """The objects of a COCO or LVIS annotation file, image by image.

    Args:
      path: of the file.

    Attributes:
      path: as above.
      ids: of the categories.
      offset: what is added to them in the label map, whose ids start at 1.
      label_map: LabelMap of the categories.
      have_masks: whether there are objects, and each has a segmentation.

    Raises:
      UserError: as `load_coco`; no images.
    """

    def __init__(self, path):
        self.path, data = path, load_coco(path)
        if not data["images"]:
            raise UserError(f"{printable(path)}: its list 'images' is empty")
        self.ids = sorted(category["id"] for category in data["categories"])
        self.offset = max(1 - self.ids[0], 0)
        self.label_map = _label_map(data["categories"], self.offset)
        self._images = _sorted(data["images"])
        self._objects = collections.defaultdict(list)
        for annotation in data["annotations"]:
            self._objects[annotation["image_id"]].append(annotation)
        shapes = [a.get("segmentation") for a in data["annotations"]]
        self.have_masks = bool(shapes) and all(shapes)

    def images(self, with_masks):
        """Yields (id, (height, width) or None, ground truth as evaluators take it).

        Raises:
          UserError: masks are wanted, and one is missing or malformed.
        """
        for image in self._images:
            where = f"{printable(self.path)}: image {printable(image['id'])}"
            shape = length(image, "height", where), length(image, "width", where)
            shape = None if None in shape else shape
            rows = self._objects[image["id"]]
            truth = _truth(rows, self.offset)
            truth |= _known_classes(image, self.offset, where)
            if with_masks:
                truth["masks"] = [self._code(row, shape) for row in rows]
            yield str(image["id"]), shape, truth

    def _code(self, annotation, shape):
        """The run-length code of an object's mask."""
        where = annotation_place(self.path, annotation)
        if shape is None:
            raise UserError(f"{where}: its image has no width and height, for its mask")
        if not annotation.get("segmentation"):
            raise UserError(f"{where}: has no segmentation, and masks are measured")
        try:
            mask = decode_mask(annotation["segmentation"], *reversed(shape))
        except ValueError as error:
            raise UserError(f"{where}: bad segmentation: {error}") from error
        return rle.encode(mask[None])[0]


def _label_map(categories, offset):
    message = string_int_label_map_pb2.StringIntLabelMap()
    for category in categories:
        item = message.item.add(id=category["id"] + offset, name=category["name"])
        frequency = _FREQUENCIES.get(category.get("frequency"))
        if frequency:
            item.frequency = string_int_label_map_pb2.LVISFrequency.Value(frequency)
    return LabelMap(message)


def _sorted(images):
    """By id, which decides between detections of one score, as in the COCO tools."""
    return sorted(images, key=lambda image: (isinstance(image["id"], str), image["id"]))


def _truth(rows, offset):
    boxes = np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)
    xmin, ymin, width, height = boxes.T
    ids = np.array([row["category_id"] for row in rows], np.int64)
    return {
        "boxes": np.stack([ymin, xmin, ymin + height, xmin + width], 1),
        "classes": ids + offset - 1,
        "is_crowd": np.array([row["iscrowd"] for row in rows], bool),
        "area": np.array([row["area"] or 0 for row in rows], np.float32),
    }


def _known_classes(image, offset, where):
    known = {}
    for key, name in _KNOWN.items():
        ids = image.get(key) or []
        if not (isinstance(ids, list) and all(type(i) is int for i in ids)):
            raise UserError(f"{where}: {key} is no list of ids of categories")
        known[name] = np.array(ids, np.int64) + offset - 1
    return known
