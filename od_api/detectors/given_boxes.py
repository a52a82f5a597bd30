"""A two-stage detector that is told where to look: it classifies given boxes."""

import tensorflow as tf

from od_api.core.detector import Detector
from od_api.core.errors import UserError
from od_api.core.types import Detections


class GivenBoxes(Detector):
    """What the region stages of a detector say of boxes that come with the image.

    Each box has its best class, the score of that class and, of a detector with masks,
    a mask; boxes stay as they are, and in their order. Nothing is suppressed.

    Args:
      detector: a Detector that `takes_proposals`.

    Attributes:
      reads: ("boxes",): [B, N, 4] in pixels of the padded input.

    Raises:
      UserError: it takes none.
    """

    reads = ("boxes",)

    def __init__(self, detector):
        if not detector.takes_proposals:
            raise UserError(
                "image_and_boxes_tensor: only two-stage detectors (faster_rcnn, with "
                "number_of_stages 2 or 3, and no image_pyramid or branches) classify "
                "given boxes: export this model with image_tensor"
            )
        self._detector = detector
        self.num_classes = detector.num_classes
        self.resizer = detector.resizer
        self.parts = detector.parts
        self.postprocess = detector.postprocess

    def call(self, images, true_shapes, boxes, training=False):
        """The detector's predictions with these boxes for proposals."""
        return self._detector.call(
            images, true_shapes, training=training, proposals=_proposals(boxes)
        )

    def detect(self, predictions):
        """The given boxes as Detections: all of them, in their order."""
        scores = self.scores(predictions)[..., 1:]
        found = predictions.proposals._replace(
            scores=tf.reduce_max(scores, axis=-1),
            classes=tf.argmax(scores, axis=-1, output_type=tf.int32),
        )
        masks = self._detector.instance_masks(predictions, found)
        return found._replace(masks=masks)

    def decode(self, predictions):
        """[B, N, 4]: the given boxes, refined for their best classes, not clipped."""
        return self._detector.decode(predictions)

    def scores(self, predictions):
        """[B, N, K + 1]."""
        return self._detector.scores(predictions)


def _proposals(boxes):
    """[B, N, 4] -> Detections of one class, all real."""
    batch, count = tf.unstack(tf.shape(boxes)[:2])
    return Detections(
        boxes=boxes,
        scores=tf.ones([batch, count]),
        classes=tf.zeros([batch, count], tf.int32),
        count=tf.fill([batch], count),
        anchor_indices=tf.tile(tf.range(count)[None], [batch, 1]),
    )
