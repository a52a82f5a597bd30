"""Detections that are there already, in place of a detector's."""

import numpy as np
import tensorflow as tf
from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.core.types import Detections
from od_api.data.converters.coco_masks import decode_mask
from od_api.evaluation.detection_files import image_key, read_detections
from od_api.metrics.per_image import per_image
from od_api.pictures import rle
from od_api.resizers.identity_resizer import IdentityResizer

# Pixels; as much is rounding.
_TOLERANCE = 1.0
# Boxes in 0..1 that are taken for pixels are smaller than that.
_NORMALIZED = 1.5


class GivenDetections:
    """What a file says of the images of an evaluation, which are seen in their sizes.

    Args:
      path: as of `read_detections`.
      num_classes: K of the config's model: as for a model, ground truth of higher
        classes is left out.

    Attributes:
      finds_boxes: True, as of a detector.
      resizer, num_classes: what batches of evaluation are made by.

    Raises:
      UserError: as `read_detections`.
    """

    finds_boxes = True

    def __init__(self, path, num_classes):
        self.resizer, self.num_classes = IdentityResizer(), num_classes
        self._path = printable(path)
        self._by_image = read_detections(path)
        self._seen, self._without, self._beyond = {}, 0, []

    def refuse_classes(self, label_maps):
        """Raises UserError for a detection whose class no label map has."""
        known = {i for label_map in label_maps for i in label_map.ids}
        for found in self._by_image.values():
            for row in found.rows:
                if row.class_id not in known:
                    raise UserError(
                        f"{row.where}: class {row.class_id} is not in the label map "
                        f"{printable(label_maps[0].path)}, whose ids are "
                        f"{_few(sorted(known))}"
                    )

    def images(self, batch, with_masks):
        """As `per_image`, of a batch of evaluation.

        Raises:
          UserError: an image without a name or with that of another one, or a
            detection that cannot be of its image.
        """
        count = len(batch["true_shape"])
        nothing = Detections(
            boxes=tf.zeros([count, 0, 4]),
            scores=tf.zeros([count, 0]),
            classes=tf.zeros([count, 0], tf.int32),
            count=tf.zeros([count], tf.int32),
            anchor_indices=tf.zeros([count, 0], tf.int32),
            masks=tf.zeros([count, 0, 1, 1]) if with_masks else None,
        )
        images = per_image(batch, nothing, with_masks)
        shapes = batch["original_shape"].numpy().tolist()
        for image, shape in zip(images, shapes, strict=True):
            found = self._of(image["source_id"], shape, with_masks)
            drawn = {n: v for n, v in found.items() if n != "masks"}
            if found.get("masks"):
                drawn["masks"] = rle.decode(found["masks"])
            image.update(detections=found, drawn_detections=drawn)
        return images

    def finish(self):
        """To be called when all images were seen; says what was odd.

        Raises:
          UserError: detections of an image that was not among them.
        """
        for key, found in self._by_image.items():
            if key not in self._seen:
                raise UserError(
                    f"{found.where}: the image {printable(key)} is in no record of "
                    "eval_input_reader (its image/source_id, or image/filename, says "
                    f"which image a record holds, e.g. {_few(list(self._seen))})"
                )
        if self._without:
            logging.warning(
                "%d of %d images have no detection in %s",
                self._without,
                len(self._seen),
                self._path,
            )
        if self._beyond:
            logging.warning(
                "%d detections reach beyond their image, the first: %s",
                len(self._beyond),
                self._beyond[0],
            )

    def _of(self, source_id, shape, with_masks):
        """The detections of an image, as evaluators take them."""
        key = image_key(source_id)
        if not key:
            raise UserError(
                "a record has neither image/source_id nor image/filename: nobody can "
                f"tell which detections of {self._path} are its own"
            )
        if self._seen.setdefault(key, len(self._seen)) != len(self._seen) - 1:
            raise UserError(
                f"two records are of the image {printable(key)}: nobody can tell which "
                f"of them the detections of {self._path} are for"
            )
        found = self._by_image.get(key)
        self._without += found is None or not found.rows
        rows = found.rows if found else []
        boxes = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
        if found and found.normalized:
            boxes *= np.tile(shape, 2)
        else:
            _refuse_normalized(rows, boxes, shape)
        for row, box in zip(rows, boxes, strict=True):
            self._check_inside(row, box, shape)
        result = {
            "boxes": boxes.astype(np.float32),
            "scores": np.array([row.score for row in rows], np.float32),
            "classes": np.array([row.class_id - 1 for row in rows], np.int64),
        }
        if with_masks:
            result["masks"] = [_code(row, shape) for row in rows]
        return result

    def _check_inside(self, row, box, shape):
        (ymin, xmin, ymax, xmax), (height, width) = box, shape
        size = f"the image of {width}x{height} pixels"
        where = f"its box [{xmin:g}, {ymin:g}] to [{xmax:g}, {ymax:g}]"
        if ymin > height or xmin > width or ymax < 0 or xmax < 0:
            raise UserError(
                f"{row.where}: {where} lies outside {size}: it is of another image, of "
                "another size of it, or its numbers are in another order"
            )
        over = max(-ymin, -xmin, ymax - height, xmax - width)
        if over > _TOLERANCE:
            self._beyond.append(f"{row.where}: {where} of {size}")


def _refuse_normalized(rows, boxes, shape):
    if rows and 0 < boxes.max() <= _NORMALIZED < min(shape) / 4:
        raise UserError(
            f"{rows[0].where}: all boxes of this image are within "
            f"{boxes.max():g} pixels: they seem to be in 0..1 of the image, and COCO "
            "results are in pixels"
        )


def _code(row, shape):
    """The run-length code of a detection's mask."""
    height, width = shape
    if row.segmentation is None:
        raise UserError(
            f"{row.where}: has no segmentation, and the metrics_set measures masks"
        )
    try:
        mask = decode_mask(row.segmentation, width, height)
    except ValueError as error:
        raise UserError(f"{row.where}: bad segmentation: {error}") from error
    return rle.encode(mask[None])[0]


def _few(values):
    shown = ", ".join(printable(v) for v in values[:8])
    return shown + (", ..." if len(values) > 8 else "")
