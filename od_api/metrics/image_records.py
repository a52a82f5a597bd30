"""What an evaluator remembers of each image: arrays only."""

from typing import Any, NamedTuple

import numpy as np
from absl import logging


class GroundTruth(NamedTuple):
    """Objects of an image: boxes [G, 4] in its own pixels, the rest [G].

    Attributes:
      boxes: float32 [ymin, xmin, ymax, xmax].
      classes: int, 0-based.
      is_crowd: bool.
      difficult: bool.
      area: float32; that of the box where it is not known.
      masks: run-length codes of the image's size (pictures/rle.py); None without masks.
    """

    boxes: np.ndarray
    classes: np.ndarray
    is_crowd: np.ndarray
    difficult: np.ndarray
    area: np.ndarray
    masks: Any = None


class Found(NamedTuple):
    """Detections of an image: boxes [N, 4] in its own pixels, the rest [N].

    Masks are run-length codes of the image's size, or None.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    masks: Any = None


class ImageRecords(dict):
    """{image id: (GroundTruth, Found)}, in the order in which images came."""

    def put(self, image_id, groundtruth, detections):
        """Adds an image; one that was added before is left as it was, with a warning.

        Args:
          image_id: int.
          groundtruth: dict of `boxes`, `classes` and maybe `is_crowd`, `difficult`,
            `area`, `masks`; missing flags are False.
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
        area=np.where(area > 0, area, box_area(boxes)),
        masks=_masks(given, n),
    )


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
