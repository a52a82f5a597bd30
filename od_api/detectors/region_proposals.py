"""The region proposal network: where might there be an object, of whatever class?"""

from typing import Any, NamedTuple

import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core.replicas import sum_over_replicas
from od_api.core.shapes import image_windows, spatial_shape


class AnchorPredictions(NamedTuple):
    """What the first stage says of every anchor.

    Attributes:
      class_logits: [B, A, 2], background first.
      box_codes: [B, A, 4].
      anchors: [A, 4].
      inside: [A] bool: anchors that take part.
      image_shape: (H, W).
    """

    class_logits: tf.Tensor
    box_codes: tf.Tensor
    anchors: tf.Tensor
    inside: tf.Tensor
    image_shape: Any


class RegionProposals:
    """The first stage of Faster R-CNN and R-FCN (Ren et al., NIPS 2015, section 3.1).

    Anchors that cross the border of the image take no part in training; with
    `clip_anchors`, and in inference, they are clipped to it.

    Args:
      head: {stage: map} -> {"class_logits": [B, A, 2], "box_codes": [B, A, 4]}.
      anchors: makes the anchors of the maps' shapes.
      assigner: of anchors to ground truth.
      loss: a MultiTaskLoss of one class.
      sampler: chooses the anchors that an image is trained on.
      suppression: keeps the best proposals, at most its max_total_detections.
      localization_weight: of the localisation loss.
      objectness_weight: of the classification loss.
      clip_anchors: see above.
    """

    def __init__(
        self,
        *,
        head,
        anchors,
        assigner,
        loss,
        sampler,
        suppression,
        localization_weight=1.0,
        objectness_weight=1.0,
        clip_anchors=False,
    ):
        self.head = head
        self.anchors = anchors
        self.assigner = assigner
        self.loss = loss
        self.sampler = sampler
        self.suppression = suppression
        self.localization_weight = localization_weight
        self.objectness_weight = objectness_weight
        self.clip_anchors = clip_anchors

    def predict(self, features, image_shape, training=False):
        """{stage: [B, h, w, C]} -> AnchorPredictions."""
        outputs = self.head(features, training=training)
        shapes = [spatial_shape(x) for x in features.values()]
        anchors = self.anchors(shapes, image_shape)
        height, width = (tf.cast(x, tf.float32) for x in image_shape)
        window = tf.stack([0.0, 0.0, height, width])
        inside = tf.ones_like(anchors[:, 0], tf.bool)
        if training and not self.clip_anchors:
            low = tf.reduce_all(anchors[:, :2] >= 0.0, axis=1)
            inside = low & tf.reduce_all(anchors[:, 2:] <= window[2:], axis=1)
        else:
            anchors = box_ops.clip(anchors, window)
        return AnchorPredictions(
            class_logits=tf.cast(outputs["class_logits"], tf.float32),
            box_codes=tf.cast(outputs["box_codes"], tf.float32),
            anchors=anchors,
            inside=inside,
            image_shape=image_shape,
        )

    def propose(self, predictions, true_shapes):
        """The best boxes of each image: decoded, suppressed, clipped; no gradient.

        Args:
          predictions: AnchorPredictions.
          true_shapes: [B, 2] int32; proposals are clipped to the image.

        Returns:
          Detections of one class with at most P boxes, best first; its anchor_indices
          tell the anchors.
        """
        boxes = self.loss.box_coder.decode(predictions.box_codes, predictions.anchors)
        objectness = tf.nn.softmax(predictions.class_logits)[..., 1:]
        # Below every threshold, so that an anchor outside proposes nothing.
        objectness = tf.where(predictions.inside[:, None], objectness, -1.0)
        return self.suppression.select(
            tf.stop_gradient(boxes),
            tf.stop_gradient(objectness),
            window=image_windows(true_shapes),
        )

    def losses(self, predictions, targets, seed):
        """The localisation and objectness losses, averaged over the mini-batches.

        Each image's sum is divided by the number of its sampled anchors, and the images
        are averaged, as the old API did.

        Args:
          predictions: AnchorPredictions.
          targets: Targets.
          seed: int32 [2].

        Returns:
          {"RPNLoss/localization_loss", "RPNLoss/objectness_loss"}; over replicas they
          add up to the mean of the whole batch.
        """
        targets = targets._replace(classes=tf.zeros_like(targets.classes))
        assignment = self.assigner.assign(predictions.anchors, targets)
        weight = assignment.take(targets.weights)
        without_weight = (assignment.label == 1) & (weight <= 0.0)
        label = tf.where(without_weight, -1, assignment.label)
        label = tf.where(predictions.inside, label, -1)
        assignment = assignment._replace(label=label)
        sampled = self.sampler.sample(assignment, seed=seed)
        losses = self.loss(
            predictions.class_logits,
            predictions.box_codes,
            predictions.anchors,
            assignment,
            targets,
        )
        share = sampled / tf.maximum(tf.reduce_sum(sampled, axis=1, keepdims=True), 1.0)
        images = sum_over_replicas(tf.cast(tf.shape(share)[0], tf.float32))
        return {
            "RPNLoss/localization_loss": self.localization_weight
            * tf.reduce_sum(losses.localization * share)
            / images,
            "RPNLoss/objectness_loss": self.objectness_weight
            * tf.reduce_sum(losses.classification * share)
            / images,
        }
