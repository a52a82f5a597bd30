"""The objective of HAMBox: mined priors count by the quality of their boxes."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.predicted_overlaps import predicted_overlaps
from od_api.core.registry import build, build_each, build_field, register
from od_api.core.replicas import sum_over_replicas
from od_api.core.trimmed_targets import trimmed
from od_api.objectives._leaving_out import LeavingOut
from od_api.objectives.multi_task_loss import MultiTaskLoss
from od_api.protos import (
    losses_pb2,
    matcher_pb2,
    objective_pb2,
    region_similarity_calculator_pb2,
)

_SIMILARITY = region_similarity_calculator_pb2.RegionSimilarityCalculator

_DEFAULTS = {
    "matcher": matcher_pb2.Matcher(high_quality_matcher={}),
    "similarity_calculator": _SIMILARITY(iou_similarity={}),
    "classification_loss": losses_pb2.ClassificationLoss(
        weighted_sigmoid_focal={"alpha": 0.25, "gamma": 2.0}
    ),
    "localization_loss": losses_pb2.LocalizationLoss(weighted_smooth_l1={}),
}


@register(objective_pb2.RegressionAwareObjective)
class RegressionAwareObjective:
    """Losses of mined priors and of the others, each divided by its own number.

    With F, the IoU of a prior's predicted box with its object or, without one, with the
    best object:
      classification = sum of F * loss over mined priors / N_mined
                       + sum of loss over the other priors / N_matched,
    where a negative with F of at least `ambiguous_iou` is ignored, and the localisation
    losses of the mined and of the other positives are divided likewise. N are summed
    weights of the whole batch, each at least 1; F has no gradient. Source: Liu et al.,
    HAMBox, CVPR 2020, equations 2 and 3.

    Args:
      loss: a MultiTaskLoss.
      assigner: `assign(priors, targets, predictions)` -> Assignment with `mined`.
      ambiguous_iou: above 0 and at most 1.
      classification_weight: of the classification loss.
      localization_weight: of the localisation loss.
      ignore_rules: what is neither positive nor negative; without a rule for ignored
        ground truth there is the default one.
    """

    batch_size = None

    def __init__(
        self,
        *,
        loss,
        assigner,
        ambiguous_iou=0.5,
        classification_weight=1.0,
        localization_weight=1.0,
        ignore_rules=(),
    ):
        self.loss = loss
        self.assigner = assigner
        self.ambiguous_iou = ranges.above("ambiguous_iou", ambiguous_iou, 0, 1)
        self.classification_weight = ranges.at_least(
            "classification_weight", classification_weight
        )
        self.localization_weight = ranges.at_least(
            "localization_weight", localization_weight
        )
        self._leaving_out = LeavingOut(ignore_rules)

    @classmethod
    def from_proto(
        cls,
        message,
        *,
        num_classes,
        box_coder,
        add_background_class=True,
        image_shape=None,
        num_levels=None,
        **unused,
    ):
        """The objective that a RegressionAwareObjective message describes."""
        del unused
        similarity = _part(
            message,
            "similarity_calculator",
            image_shape=image_shape,
            num_levels=num_levels,
        )
        return cls(
            loss=MultiTaskLoss(
                num_classes=num_classes,
                box_coder=box_coder,
                classification_loss=_part(message, "classification_loss"),
                localization_loss=_part(message, "localization_loss"),
                add_background_class=add_background_class,
            ),
            assigner=_part(
                message, "matcher", similarity=similarity, num_levels=num_levels
            ),
            ambiguous_iou=message.ambiguous_iou,
            classification_weight=message.classification_weight,
            localization_weight=message.localization_weight,
            ignore_rules=build_each(message, "ignore_rules"),
        )

    def assign(self, priors, targets, predictions=None):
        """The Assignment of priors; what takes no part has the label -1."""
        assignment = self.assigner.assign(priors, targets, predictions)
        assignment = self._leaving_out.assigned(assignment, priors, targets)
        label = tf.where(priors.valid, assignment.label, -1)
        if predictions is not None:
            overlaps = predicted_overlaps(predictions, trimmed(targets))
            ambiguous = tf.reduce_max(overlaps, axis=1) >= self.ambiguous_iou
            label = tf.where((label == 0) & ambiguous, -1, label)
        weightless = assignment.take(targets.weights) <= 0.0
        label = tf.where((label == 1) & weightless, -1, label)
        return assignment._replace(label=label)

    def __call__(self, predictions, targets, seed=None):
        """The losses of a batch.

        Args:
          predictions: Predictions.
          targets: Targets; an objective of one class takes all of them for that class.
          seed: unused: nothing is drawn.

        Returns:
          {"localization_loss", "classification_loss"}: float32 scalars. Over replicas
          they add up to the loss of the whole batch.
        """
        del seed
        if self.loss.num_classes == 1:
            targets = targets._replace(classes=tf.zeros_like(targets.classes))
        priors = predictions.priors
        assignment = self.assign(priors, targets, predictions)
        codes = predictions.codes_of(assignment.take(targets.classes))
        losses = self.loss(predictions.class_logits, codes, priors, assignment, targets)
        mined = _mined(assignment)
        quality = tf.where(mined > 0.0, assignment.quality, 1.0)
        share = mined / _count(losses.positive * mined)
        share += (1.0 - mined) / _count(losses.positive * (1.0 - mined))
        return {
            "localization_loss": self.localization_weight
            * tf.reduce_sum(losses.localization * share),
            "classification_loss": self.classification_weight
            * tf.reduce_sum(losses.classification * quality * share),
        }


def _part(message, field, **context):
    """What a field says, or the default."""
    if message.HasField(field):
        return build_field(message, field, **context)
    return build(_DEFAULTS[field], **context)


def _mined(assignment):
    """[B, A] float32 0/1: which positives are mined."""
    if assignment.mined is None:
        return tf.zeros_like(assignment.quality)
    return tf.cast(assignment.mined & (assignment.label == 1), tf.float32)


def _count(weights):
    return tf.maximum(sum_over_replicas(tf.reduce_sum(weights)), 1.0)
