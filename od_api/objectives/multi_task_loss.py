"""Equation 1 of Huang et al. (CVPR 2017): what each anchor or proposal has to learn."""

from typing import NamedTuple

import tensorflow as tf

from od_api.core.types import prior_boxes


class BoxwiseLosses(NamedTuple):
    """Losses of every box, not yet sampled nor reduced.

    Attributes:
      classification: [B, A] float32, summed over classes.
      localization: [B, A] float32; 0 where the box is not positive.
      positive: [B, A] float32: the ground truth's weight for positives, else 0.
    """

    classification: tf.Tensor
    localization: tf.Tensor
    positive: tf.Tensor

    def times(self, factor):
        """All three times [B, A]."""
        return BoxwiseLosses(*(one * factor for one in self))


class MultiTaskLoss:
    """Classification and localisation losses of boxes against their assignment.

    It serves SSD's anchors, the anchors of a region proposal network and the proposals
    of a second stage alike: to it they all are anchors.

    Args:
      num_classes: K.
      box_coder: encodes targets and decodes predictions.
      classification_loss: ([B, A, C] logits, [B, A, C] targets) -> [B, A, C].
      localization_loss: on codes, or on boxes where its `on_boxes` says so; -> [B, A].
      add_background_class: column 0 of the logits is background.
      encode_background_as_zeros: the target of a negative is all zero, not column 0.
      negative_class_weight: of the negatives' classification loss.

    Attributes:
      takes_class_scores: it learns what `Targets.class_scores` say of each box.
    """

    takes_class_scores = True

    def __init__(
        self,
        *,
        num_classes,
        box_coder,
        classification_loss,
        localization_loss,
        add_background_class=True,
        encode_background_as_zeros=False,
        negative_class_weight=1.0,
    ):
        self.num_classes = num_classes
        self.box_coder = box_coder
        self.classification_loss = classification_loss
        self.localization_loss = localization_loss
        self.add_background_class = add_background_class
        self.encode_background_as_zeros = encode_background_as_zeros
        self.negative_class_weight = negative_class_weight

    def __call__(self, class_logits, box_codes, anchors, assignment, targets):
        """The losses of every box.

        Args:
          class_logits: [B, A, K] or [B, A, K + 1].
          box_codes: [B, A, 4].
          anchors: Priors, or boxes [A, 4] or [B, A, 4].
          assignment: Assignment of the anchors to `targets`.
          targets: Targets.

        Returns:
          BoxwiseLosses.
        """
        box_weight = assignment.take(targets.weights)
        positive = tf.cast(assignment.label == 1, tf.float32) * box_weight
        negative = tf.cast(assignment.label == 0, tf.float32)
        if assignment.weight is not None:
            positive, negative = (x * assignment.weight for x in (positive, negative))
        classification = tf.reduce_sum(
            self.classification_loss(
                class_logits, self._class_targets(assignment, targets)
            ),
            axis=-1,
        )
        return BoxwiseLosses(
            classification=classification
            * (positive + self.negative_class_weight * negative),
            localization=positive
            * self._box_losses(box_codes, anchors, assignment, targets),
            positive=positive,
        )

    def _class_targets(self, assignment, targets):
        """[B, A, K (+1)] what positives are called; unmatched: background."""
        positive = assignment.label == 1
        if targets.class_scores is not None:
            return self._scored(assignment.take(targets.class_scores), positive)
        classes = assignment.take(targets.classes)
        if not self.add_background_class:
            return tf.one_hot(tf.where(positive, classes, -1), self.num_classes)
        unmatched = -1 if self.encode_background_as_zeros else 0
        index = tf.where(positive, classes + 1, unmatched)
        return tf.one_hot(index, self.num_classes + 1)

    def _scored(self, scores, positive):
        """[B, A, K] scores of the assigned boxes -> [B, A, K (+1)]."""
        called = tf.where(positive[..., None], scores, 0.0)
        if not self.add_background_class:
            return called
        background = 0.0 if self.encode_background_as_zeros else 1.0
        background = tf.where(positive, 0.0, background)[..., None]
        return tf.concat([background, called], axis=-1)

    def _box_losses(self, box_codes, anchors, assignment, targets):
        """[B, A] localisation losses against the assigned boxes; 0 for the others."""
        matched = assignment.take(targets.boxes)
        positive = assignment.label == 1
        # Other anchors aim at themselves: whatever is computed there stays finite.
        own = prior_boxes(anchors)
        matched = tf.where(positive[..., None], matched, own)
        if getattr(self.localization_loss, "on_boxes", False):
            decoded = self.box_coder.decode(box_codes, anchors)
            losses = self.localization_loss(decoded, matched)
        else:
            losses = self.localization_loss(
                box_codes, self.box_coder.encode(matched, anchors)
            )
        return tf.where(positive, losses, 0.0)
