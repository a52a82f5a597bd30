"""COCO mask metrics: as those of boxes, but objects overlap where their masks do."""

from pycocotools import mask as coco_mask

from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.image_records import refuse_without_masks


class CocoMaskMetrics(CocoDetectionMetrics):
    """Collects images whose objects have masks, then measures them with pycocotools.

    Masks are run-length codes of the image's own size (pictures/rle.py): those of the
    ground truth as they are in the file, those of detections pasted into the image.
    Objects are small, medium or large by the `area` of the record, detections by their
    masks' pixels. Arguments and results as in CocoDetectionMetrics.
    """

    key = "coco_mask_metrics"
    prefix = "DetectionMasks"
    iou_type = "segm"
    needs_masks = True

    def add(self, image_id, groundtruth, detections):
        """One image; both dicts have `masks`, codes of one size.

        Raises:
          ValueError: boxes without masks, or masks of different sizes.
        """
        refuse_without_masks(image_id, groundtruth, detections)
        super().add(image_id, groundtruth, detections)

    def _image(self, image_id, groundtruth, detections):
        codes = [*groundtruth.masks, *detections.masks]
        # Without any mask nobody asks for the size.
        height, width = codes[0]["size"] if codes else (0, 0)
        return {"id": image_id, "height": height, "width": width}

    def _truth(self, image_id, groundtruth):
        rows = super()._truth(image_id, groundtruth)
        return _with_masks(rows, groundtruth.masks)

    def _found(self, image_id, detections):
        rows = _with_masks(super()._found(image_id, detections), detections.masks)
        for row in rows:
            row["area"] = float(coco_mask.area(row["segmentation"]))
        return rows


def _with_masks(rows, codes):
    return [
        {**row, "segmentation": dict(code)}
        for row, code in zip(rows, codes, strict=True)
    ]
