"""The masks of Mask R-CNN: what they should be, and what they are."""

import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.replicas import sum_over_replicas
from od_api.layers.class_masks import masks_of_classes
from od_api.layers.mask_targets import crop_masks


class RegionMasks:
    """Instance masks of regions (He et al., ICCV 2017).

    Args:
      head: has `masks(features, training)` -> [M, mh, mw, K or 1] logits.
      loss_weight: of the mask loss.
      threshold_targets: targets are 0 or 1, from a half on 1.
    """

    def __init__(self, *, head, loss_weight=1.0, threshold_targets=False):
        self.head = head
        self.loss_weight = loss_weight
        self.threshold_targets = threshold_targets

    def losses(self, mask_logits, boxes, assignment, targets, image_shape):
        """The mean cross entropy of the pixels of all positive regions of the batch.

        As in the old API a region counts as much as its ground truth, and the images
        share one mean. Where masks have a weight of their own it is a further factor.

        Args:
          mask_logits: [B * P, mh, mw, K or 1].
          boxes: [B, P, 4] proposals.
          assignment: Assignment of the proposals.
          targets: Targets with masks.
          image_shape: (H, W).

        Returns:
          {"BoxClassifierLoss/mask_loss": float32 scalar}; over replicas they add up to
          the mean of the whole batch.

        Raises:
          UserError: the targets have no masks.
        """
        if targets.masks is None:
            raise UserError(
                "instance masks are to be trained and the input has none: set "
                "load_instance_masks: true (and mask_type) in train_input_reader"
            )
        classes = tf.reshape(assignment.take(targets.classes), [-1])
        logits = masks_of_classes(mask_logits, classes)
        wanted = self._wanted(
            targets.masks, assignment.gt_index, boxes, image_shape, logits.shape[1:]
        )
        pixels = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=wanted,
            logits=tf.reshape(tf.cast(logits, tf.float32), tf.shape(wanted)),
        )
        weight = _weights(assignment, targets)
        count = sum_over_replicas(tf.reduce_sum(weight))
        count *= logits.shape[1] * logits.shape[2]
        loss = tf.reduce_sum(pixels * weight[..., None, None]) / tf.maximum(count, 1.0)
        return {"BoxClassifierLoss/mask_loss": self.loss_weight * loss}

    def _wanted(self, *where):
        """What `crop_masks` gives, thresholded if that is asked for."""
        wanted = crop_masks(*where)
        return tf.cast(wanted >= 0.5, tf.float32) if self.threshold_targets else wanted

    def probabilities(self, features, detections):
        """[B * N, h, w, C] features of detected boxes -> [B, N, mh, mw], 0..1."""
        logits = self.head.masks(features)
        masks = masks_of_classes(logits, tf.reshape(detections.classes, [-1]))
        shape = [*tf.unstack(tf.shape(detections.classes)), *masks.shape[1:]]
        return tf.sigmoid(tf.reshape(tf.cast(masks, tf.float32), shape))


def _weights(assignment, targets):
    """[B, P]: of the masks of positive regions; 0 of the others."""
    positive = tf.cast(assignment.label == 1, tf.float32)
    weights = positive * assignment.take(targets.weights)
    if targets.mask_weights is None:
        return weights
    return weights * assignment.take(targets.mask_weights)
