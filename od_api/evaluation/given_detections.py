"""Detections that are there already, in place of a detector's."""

import tensorflow as tf

from od_api.core.printable import printable
from od_api.core.types import Detections
from od_api.evaluation.image_detections import ImageDetections
from od_api.metrics.per_image import per_image
from od_api.pictures import rle
from od_api.resizers.identity_resizer import IdentityResizer

_HOLDER = (
    "record of eval_input_reader (its image/source_id, or image/filename, says which "
    "image a record holds)"
)


class GivenDetections:
    """What a file says of the images of an evaluation, which are seen in their sizes.

    Args:
      path: as of `read_detections`.
      num_classes: K of the config's model: as for a model, ground truth of higher
        classes is left out.

    Attributes:
      finds_boxes: True, as of a detector.
      resizer, num_classes: what batches of evaluation are made by.
      name: in what is printed.
      saves: whether what is found is kept in a file: this is one already.

    Raises:
      UserError: as `read_detections`.
    """

    finds_boxes, saves, name = True, False, "given detections"

    def __init__(self, path, num_classes):
        self.resizer, self.num_classes = IdentityResizer(), num_classes
        self._found = ImageDetections(path, _HOLDER)

    def refuse_classes(self, label_maps):
        """Raises UserError for a detection whose class no label map has."""
        known = {i for label_map in label_maps for i in label_map.ids}
        place = f"the label map {printable(label_maps[0].path)}"
        self._found.refuse_classes(known, place)

    def images(self, batch, with_masks, progress=None):
        """As `per_image`, of a batch of evaluation, whose progress needs no bar.

        Raises:
          UserError: as `ImageDetections.of`.
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
            found = self._found.of(image["source_id"], shape, with_masks)
            drawn = {n: v for n, v in found.items() if n != "masks"}
            if found.get("masks"):
                drawn["masks"] = rle.decode(found["masks"])
            image.update(detections=found, drawn_detections=drawn)
        return images

    def finish(self):
        """As `ImageDetections.finish`."""
        self._found.finish()
