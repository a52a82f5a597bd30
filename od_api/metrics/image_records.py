"""What an evaluator remembers of each image: arrays only."""

from typing import Any, NamedTuple

import numpy as np
from absl import logging


class KnownClasses(NamedTuple):
    """What is known of the classes of a whole image: [n] int, 0-based.

    Attributes:
      verified: of which somebody said whether they are there (image/class/*); None
        where the record says nothing of any.
      negative: that are not there (neg_category_ids).
      not_exhaustive: of which not every object has a box (not_exhaustive_category_ids).
    """

    verified: Any
    negative: np.ndarray
    not_exhaustive: np.ndarray


class GroundTruth(NamedTuple):
    """Objects of an image: boxes [G, 4] in its own pixels, the rest [G].

    Attributes:
      boxes: float32 [ymin, xmin, ymax, xmax].
      classes: int, 0-based.
      is_crowd: bool.
      difficult: bool.
      group_of: bool: a box around several objects.
      area: float32; that of the box where it is not known.
      known: KnownClasses of the image.
      masks: run-length codes of the image's size (pictures/rle.py); None without masks.
    """

    boxes: np.ndarray
    classes: np.ndarray
    is_crowd: np.ndarray
    difficult: np.ndarray
    group_of: np.ndarray
    area: np.ndarray
    known: KnownClasses
    masks: Any = None

    def rows(self, keep):
        """The objects at [n] indices, or where [G] bool holds."""
        return _rows(self, keep, len(self.boxes))


class Found(NamedTuple):
    """Detections of an image: boxes [N, 4] in its own pixels, the rest [N].

    Masks are run-length codes of the image's size, or None.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    masks: Any = None

    def rows(self, keep):
        """The detections at [n] indices, or where [N] bool holds."""
        return _rows(self, keep, len(self.boxes))


class ImageRecords(dict):
    """{image id: (GroundTruth, Found)}, in the order in which images came."""

    def put(self, image_id, groundtruth, detections):
        """Adds an image; one that was added before is left as it was, with a warning.

        Args:
          image_id: int.
          groundtruth: dict of `boxes`, `classes` and maybe `is_crowd`, `difficult`,
            `group_of`, `area`, `masks`, and of `verified_classes`, `negative_classes`,
            `not_exhaustive_classes`, 0-based; missing flags are False.
          detections: dict of `boxes`, `scores`, `classes` and maybe `masks`.

        Returns:
          Whether the image is new.

        Raises:
          ValueError: arrays whose lengths differ, or boxes that are not [n, 4].
        """
        image_id = int(image_id)
        if image_id in self:
            logging.log_first_n(
                logging.WARNING,
                "image %d was evaluated twice: the second time does not count",
                3,
                image_id,
            )
            return False
        self[image_id] = _groundtruth(groundtruth), _found(detections)
        return True


def refuse_without_masks(image_id, groundtruth, detections):
    """Raises ValueError for boxes without masks, or masks of different sizes."""
    sizes = set()
    for rows in (groundtruth, detections):
        if rows.get("masks") is None:
            raise ValueError(f"image {image_id} has boxes without masks")
        sizes |= {tuple(code["size"]) for code in rows["masks"]}
    if len(sizes) > 1:
        raise ValueError(f"image {image_id} has masks of sizes {sorted(sizes)}")


def box_area(boxes):
    """[n, 4] -> [n]."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def iou(boxes, others):
    """[n, 4], [m, 4] -> [n, m]; 0 where both boxes have no area."""
    top_left = np.maximum(boxes[:, None, :2], others[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    overlap = np.prod(np.maximum(bottom_right - top_left, 0.0), axis=-1)
    union = box_area(boxes)[:, None] + box_area(others)[None] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def _groundtruth(given):
    boxes = _boxes(given)
    n = len(boxes)
    area = _column(given, "area", n, np.float32, default=0)
    return GroundTruth(
        boxes=boxes,
        classes=_column(given, "classes", n, np.int64),
        is_crowd=_column(given, "is_crowd", n, bool, default=False),
        difficult=_column(given, "difficult", n, bool, default=False),
        group_of=_column(given, "group_of", n, bool, default=False),
        known=_known(given),
        area=np.where(area > 0, area, box_area(boxes)),
        masks=_masks(given, n),
    )


def _known(given):
    def classes(name):
        return np.asarray(given.get(name, []), np.int64)

    verified = given.get("verified_classes")
    return KnownClasses(
        verified=None if verified is None else classes("verified_classes"),
        negative=classes("negative_classes"),
        not_exhaustive=classes("not_exhaustive_classes"),
    )


def _rows(record, keep, count):
    index = np.arange(count)[keep]
    rows = {
        name: value[index]
        for name, value in record._asdict().items()
        if isinstance(value, np.ndarray)
    }
    if record.masks is not None:
        rows["masks"] = [record.masks[i] for i in index]
    return record._replace(**rows)


def _found(given):
    boxes = _boxes(given)
    return Found(
        boxes=boxes,
        scores=_column(given, "scores", len(boxes), np.float32),
        classes=_column(given, "classes", len(boxes), np.int64),
        masks=_masks(given, len(boxes)),
    )


def _boxes(given):
    boxes = np.asarray(given["boxes"], np.float32)
    if boxes.size == 0:
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be [n, 4], not {list(boxes.shape)}")
    return boxes


def _masks(given, length):
    masks = given.get("masks")
    if masks is not None and len(masks) != length:
        raise ValueError(f"{length} boxes, but {len(masks)} masks")
    return masks


def _column(given, name, length, dtype, default=None):
    if default is not None and given.get(name) is None:
        return np.full(length, default, dtype)
    column = np.asarray(given[name], dtype)
    if column.shape != (length,) and column.size + length > 0:
        raise ValueError(
            f"{name} must have one value a box ({length}), but its shape is "
            f"{list(column.shape)}"
        )
    return column.reshape(length)
