"""How much detections and objects of an image overlap: by boxes, or by masks.

Each is a function `(found, objects) -> [n, m]` of a Found and a GroundTruth: `iou`, and
`share`, the part of a detection's own area that an object covers.
"""

from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from od_api.metrics.image_records import box_area, iou


class Overlaps(NamedTuple):
    """A way to measure: `iou` and `share`, as above."""

    iou: Any
    share: Any


def _box_iou(found, objects):
    return iou(found.boxes.astype(np.float64), objects.boxes.astype(np.float64))


def _box_share(found, objects):
    boxes, others = (b.boxes.astype(np.float64) for b in (found, objects))
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    inside = np.prod(np.maximum(high - low, 0.0), axis=-1)
    area = np.broadcast_to(box_area(boxes)[:, None], inside.shape)
    return np.divide(inside, area, out=np.zeros_like(inside), where=area > 0)


def _masks_over(found, objects, of_found):
    """COCO's own overlap, which for crowds is the share of the detection."""
    shape = len(found.masks), len(objects.masks)
    if 0 in shape:
        return np.zeros(shape)
    crowds = [int(of_found)] * len(objects.masks)
    return coco_mask.iou(found.masks, objects.masks, crowds).reshape(shape)


def _mask_iou(found, objects):
    return _masks_over(found, objects, of_found=False)


def _mask_share(found, objects):
    return _masks_over(found, objects, of_found=True)


OF_BOXES = Overlaps(_box_iou, _box_share)
OF_MASKS = Overlaps(_mask_iou, _mask_share)
