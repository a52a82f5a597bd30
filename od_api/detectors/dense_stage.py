"""A stage that looks at every cell of the feature maps: SSD's, and a first stage."""

import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core.shapes import image_windows, spatial_shape
from od_api.detectors.stage import StageNames, losses_of, predictions_of


class DenseStage:
    """Predicts classes and boxes for anchors or points of all levels.

    SSD is one of them (Liu et al., ECCV 2016), the region proposal network of Faster
    R-CNN another (Ren et al., NIPS 2015, section 3.1), with a suppression. Stages may
    follow each other: a later one starts at the boxes of the one before.

    Args:
      head: {level: map} -> {"class_logits": [B, A, C], "box_codes": [B, A, D]} and
        columns; one that `sees_priors` gets them, too. "maps" among them are read by
        the stage that follows.
      anchors: makes the Priors of the maps' shapes; None of a stage that follows.
      box_coder: between codes and boxes.
      objective: (predictions, targets, seed) -> {name: scalar}.
      border: (priors, image_shape, training) -> Priors: what becomes of anchors that
        cross the border of the image; None leaves them.
      suppression: keeps the best boxes as proposals, at most its max_total_detections;
        None keeps all.
      names: StageNames.
    """

    def __init__(
        self,
        *,
        head,
        anchors,
        box_coder,
        objective,
        border=None,
        suppression=None,
        names=None,
    ):
        self.head = head
        self.anchors = anchors
        self.box_coder = box_coder
        self.objective = objective
        self.border = border
        self.suppression = suppression
        self.names = names or StageNames()

    def predict(self, features, image_shape, true_shapes, training=False, priors=None):
        """{level: map}, `priors` of the stage before or None -> Predictions."""
        if priors is None:
            priors = self.priors(features, image_shape, training)
        seen = {"priors": priors} if getattr(self.head, "sees_priors", False) else {}
        outputs = dict(self.head(features, training=training, **seen))
        maps = outputs.pop("maps", None)
        made = predictions_of(outputs, priors, self.box_coder, image_shape, true_shapes)
        return made._replace(maps=maps)

    def priors(self, features, image_shape, training=False):
        """The Priors of {level: map}: which of them count depends on `training`."""
        shapes = [spatial_shape(x) for x in features.values()]
        priors = self.anchors(shapes, image_shape)
        if self.border is not None:
            priors = self.border(priors, image_shape, training)
        return priors

    def losses(self, predictions, targets, seed=None, report=None):
        """The objective's losses under the stage's names; see `losses_of`."""
        return losses_of(self, predictions, targets, seed, report)

    def propose(self, predictions):
        """The best boxes of each image: suppressed, clipped to it; no gradient.

        Returns:
          Detections of one class with at most P boxes, best first; its anchor_indices
          tell the priors.
        """
        objectness = self.objectness(predictions)
        # Below every threshold, so that what takes no part proposes nothing.
        objectness = tf.where(predictions.priors.valid[..., None], objectness, -1.0)
        return self.suppression.select(
            predictions.boxes[:, :, 0],
            tf.stop_gradient(objectness),
            window=image_windows(predictions.true_shapes),
            columns=predictions.all_columns(),
        )

    def objectness(self, predictions):
        """[B, A, 1] float32 in 0..1."""
        return tf.nn.softmax(predictions.class_logits)[..., 1:]

    def refined(self, predictions):
        """Priors of the stage that follows: all boxes, at their levels and strides."""
        return predictions.priors._replace(boxes=predictions.boxes[:, :, 0])


class Border:
    """Anchors that cross the border of the image (Ren et al., NIPS 2015, section 3.3).

    In training they take no part; in inference, and with `clip`, they are clipped.
    """

    def __init__(self, *, clip=False):
        self.clip = clip

    def __call__(self, priors, image_shape, training):
        """Priors [A, 4], (H, W) -> Priors."""
        height, width = (tf.cast(x, tf.float32) for x in image_shape)
        window = tf.stack([0.0, 0.0, height, width])
        boxes = priors.boxes
        if training and not self.clip:
            low = tf.reduce_all(boxes[:, :2] >= 0.0, axis=1)
            inside = low & tf.reduce_all(boxes[:, 2:] <= window[2:], axis=1)
            return priors._replace(valid=priors.valid & inside)
        return priors._replace(boxes=box_ops.clip(boxes, window))
