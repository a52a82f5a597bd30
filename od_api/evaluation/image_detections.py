"""The detections of each image, from a file, checked against what is evaluated."""

import math

import numpy as np
from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.coco_masks import decode_mask
from od_api.evaluation.detection_files import image_key, read_detections
from od_api.pictures import rle

# Pixels; as much is rounding.
_TOLERANCE = 1.0
# Boxes in 0..1 that are taken for pixels are smaller than that.
_NORMALIZED = 1.5
_UNKNOWN_SIZE = (math.inf, math.inf)


class ImageDetections:
    """What a file says of the images of an evaluation, asked for one by one.

    Args:
      path: as of `read_detections`.
      holder: words for what an image has to be found in.
      offset: what is added to ids of classes.

    Raises:
      UserError: as `read_detections`.
    """

    def __init__(self, path, holder, offset=0):
        self._path, self._holder = printable(path), holder
        self._offset = offset
        self._by_image = read_detections(path)
        self._seen, self._without, self._beyond = {}, 0, []

    def refuse_classes(self, known, place):
        """Raises UserError for a detection of another class than the known ids.

        Args:
          known: ids.
          place: words for what has them.
        """
        for row in self._rows():
            if row.class_id not in known:
                raise UserError(
                    f"{row.where}: class {row.class_id} is not in {place}, whose ids "
                    f"are {_few(sorted(known))}"
                )

    @property
    def have_masks(self):
        """Whether there are detections, and each has a mask."""
        rows = list(self._rows())
        return bool(rows) and all(row.segmentation is not None for row in rows)

    def _rows(self):
        return (row for found in self._by_image.values() for row in found.rows)

    def of(self, source_id, shape, with_masks):
        """The detections of an image, as evaluators take them.

        Args:
          source_id: its name, bytes or text.
          shape: (height, width) in pixels; None where nobody knows it.
          with_masks: `masks` are wanted, too.

        Raises:
          UserError: an image without a name or with that of another one, or a
            detection that cannot be of this image.
        """
        key = image_key(source_id)
        if not key:
            raise UserError(
                "a record has neither image/source_id nor image/filename: nobody can "
                f"tell which detections of {self._path} are its own"
            )
        if self._seen.setdefault(key, len(self._seen)) != len(self._seen) - 1:
            raise UserError(
                f"two images are called {printable(key)}: nobody can tell which of "
                f"them the detections of {self._path} are for"
            )
        found = self._by_image.get(key)
        self._without += found is None or not found.rows
        if found and found.rows and shape is None and (found.normalized or with_masks):
            raise UserError(
                f"{found.where}: needs the width and height of the image "
                f"{printable(key)}, which the ground truth does not say"
            )
        return self._arrays(found, shape or _UNKNOWN_SIZE, with_masks)

    def finish(self):
        """To be called when all images were seen; says what was odd.

        Raises:
          UserError: detections of an image that was not among them.
        """
        for key, found in self._by_image.items():
            if key not in self._seen:
                raise UserError(
                    f"{found.where}: the image {printable(key)} is in no {self._holder}"
                    f"; there are e.g. {_few(list(self._seen))}"
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

    def _arrays(self, found, shape, with_masks):
        rows = found.rows if found else []
        boxes = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
        ids = np.array([row.class_id for row in rows], np.int64)
        if found and found.normalized:
            boxes *= np.tile(shape, 2)
        else:
            _refuse_normalized(rows, boxes, shape)
        for row, box in zip(rows, boxes, strict=True):
            self._check_inside(row, box, shape)
        result = {
            "boxes": boxes.astype(np.float32),
            "scores": np.array([row.score for row in rows], np.float32),
            "classes": ids + self._offset - 1,
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
