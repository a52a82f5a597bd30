"""The objective of matching: assign, sample, weigh, sum."""

import tensorflow as tf

from od_api.core.registry import build, build_each, build_field, register
from od_api.core.replicas import sum_over_replicas
from od_api.core.types import AnchorLosses, Reported
from od_api.objectives._leaving_out import LeavingOut
from od_api.objectives.multi_task_loss import MultiTaskLoss
from od_api.protos import objective_pb2, region_similarity_calculator_pb2


@register(objective_pb2.MatchedObjective)
class MatchedObjective:
    """Each prior learns the object that it is assigned to (Huang et al., equation 1).

    SSD, the first stage and the second stage differ in their assigners and samplers,
    and in what their sums are divided by.

    Args:
      loss: a MultiTaskLoss.
      assigner: `assign(priors, targets, predictions)` -> Assignment.
      samplers: their weights multiply. Those with `needs_losses` come last: they choose
        among what is counted already, and change no normaliser.
      classification_weight: of the classification loss.
      localization_weight: of the localisation loss.
      reduction: what sums are divided by: MATCHES, the weight of the positives of the
        batch; SAMPLED, the sampled priors of each image, and PRIORS, its valid priors,
        both averaged over the images; NOTHING.
      divide_by_code_size: the localisation loss is divided by the code's size, too.
      ignore_weightless: priors of ground truth of weight 0 are ignored; otherwise
        samplers see them as positive.
      mine_by_priors: miners compare the boxes that priors are; otherwise the boxes that
        they predict.
      columns: parts that say what the head's columns have to learn.
      ignore_rules: what is neither positive nor negative; without a rule for ignored
        ground truth there is the default one.

    Attributes:
      reports: it tells of its losses, prior by prior.
    """

    reports = True

    def __init__(
        self,
        *,
        loss,
        assigner,
        samplers=(),
        classification_weight=1.0,
        localization_weight=1.0,
        reduction="MATCHES",
        divide_by_code_size=False,
        ignore_weightless=True,
        mine_by_priors=False,
        columns=(),
        ignore_rules=(),
    ):
        self.loss = loss
        self.assigner = assigner
        self.samplers = [s for s in samplers if not s.needs_losses]
        self.miners = [s for s in samplers if s.needs_losses]
        self.classification_weight = classification_weight
        self.localization_weight = localization_weight
        self.ignore_weightless = ignore_weightless
        self.mine_by_priors = mine_by_priors
        self.columns = columns
        self._leaving_out = LeavingOut(ignore_rules)
        self._divisor = _DIVISORS[reduction]
        self._code_parts = loss.box_coder.code_size if divide_by_code_size else 1

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
        columns=(),
        branch_ranges=(),
    ):
        """The objective that a MatchedObjective message describes."""
        similarity = _similarity(message, image_shape, num_levels)
        numbers = (
            "classification_weight",
            "localization_weight",
            "divide_by_code_size",
            "ignore_weightless",
            "mine_by_priors",
        )
        return cls(
            loss=MultiTaskLoss(
                num_classes=num_classes,
                box_coder=box_coder,
                classification_loss=build_field(message, "classification_loss"),
                localization_loss=build_field(message, "localization_loss"),
                add_background_class=add_background_class,
                encode_background_as_zeros=message.encode_background_as_zeros,
                negative_class_weight=message.negative_class_weight,
            ),
            assigner=build_field(
                message, "matcher", similarity=similarity, num_levels=num_levels
            ),
            samplers=build_each(message, "samplers"),
            reduction=objective_pb2.MatchedObjective.Reduction.Name(message.reduction),
            columns=columns,
            ignore_rules=[*build_each(message, "ignore_rules"), *branch_ranges],
            **{name: getattr(message, name) for name in numbers},
        )

    @property
    def batch_size(self):
        """How many priors of an image are drawn at most; None: any number."""
        sizes = [s.batch_size for s in self.samplers if hasattr(s, "batch_size")]
        return min(sizes, default=None)

    def assign(self, priors, targets, predictions=None):
        """The Assignment of priors; what takes no part has the label -1."""
        assignment = self.assigner.assign(priors, targets, predictions)
        assignment = self._leaving_out.assigned(assignment, priors, targets)
        takes_part = priors.valid
        if self.ignore_weightless:
            weight = assignment.take(targets.weights)
            takes_part &= (assignment.label != 1) | (weight > 0.0)
        return assignment._replace(label=tf.where(takes_part, assignment.label, -1))

    def draw(self, assignment, seed):
        """[B, A] float32, the weights of all samplers; None without samplers."""
        weights = None
        for i, sampler in enumerate(self.samplers):
            own = seed if i == 0 else tf.random.fold_in(seed, i, alg="philox")
            drawn = sampler.sample(assignment, seed=own)
            weights = drawn if weights is None else weights * drawn
        return weights

    def __call__(self, predictions, targets, seed=None, drawn=False, report=None):
        """The losses of a batch.

        Args:
          predictions: Predictions.
          targets: Targets; an objective of one class takes all of them for that class.
          seed: int32 [2], for samplers that draw at random.
          drawn: the priors are what samplers have drawn: they do not draw again.
          report: a list that gets a Reported; None.

        Returns:
          {"localization_loss", "classification_loss", "<column>_loss", ...}: float32
          scalars. Over replicas they add up to the loss of the whole batch.
        """
        if self.loss.num_classes == 1:
            targets = targets._replace(classes=tf.zeros_like(targets.classes))
        priors = predictions.priors
        assignment = self.assign(priors, targets, predictions)
        codes = predictions.codes_of(assignment.take(targets.classes))
        losses = self.loss(predictions.class_logits, codes, priors, assignment, targets)
        weights = None if drawn else self.draw(assignment, seed)
        if weights is not None:
            losses = losses.times(weights)
        divisor = self._divisor(losses.positive, weights, priors, assignment)
        losses = losses._replace(
            classification=self.classification_weight * losses.classification,
            localization=self.localization_weight * losses.localization,
        )
        kept = self._mine(losses, assignment, targets, predictions)
        located, parts = losses.localization * kept, divisor * self._code_parts
        if report is not None:
            report.append(_reported(located, parts, assignment))
        return {
            "localization_loss": _sum(located, parts),
            "classification_loss": _sum(losses.classification * kept, divisor),
            **self._column_losses(losses, divisor, assignment, targets, predictions),
        }

    def _mine(self, losses, assignment, targets, predictions):
        """[B, A] 0/1: what all miners keep; 1 without one."""
        if not self.miners:
            return 1.0
        boxes = predictions.boxes_of(assignment.take(targets.classes))
        if self.mine_by_priors:
            boxes = tf.broadcast_to(predictions.priors.boxes, tf.shape(boxes))
        ranking = AnchorLosses(
            classification=tf.stop_gradient(losses.classification),
            localization=tf.stop_gradient(losses.localization),
            boxes=boxes,
        )
        kept = [miner.sample(assignment, ranking) for miner in self.miners]
        return tf.reduce_prod(tf.stack(kept), axis=0)

    def _column_losses(self, losses, divisor, assignment, targets, predictions):
        found = {}
        for column in self.columns:
            wanted = column.target(predictions.priors, assignment, targets, predictions)
            values = column.loss(predictions.columns[column.name], wanted)
            # Priors without an object may have any target, even one that is not finite.
            values = tf.where(losses.positive > 0.0, values, 0.0) * losses.positive
            found[f"{column.name}_loss"] = column.weight * _sum(values, divisor)
        return found


def _similarity(message, image_shape, num_levels):
    if message.HasField("similarity_calculator"):
        return build_field(
            message,
            "similarity_calculator",
            image_shape=image_shape,
            num_levels=num_levels,
        )
    return build(region_similarity_calculator_pb2.IouSimilarity())


def _sum(values, divisor):
    """The sum of [B, A] over each image, divided, and summed over the images."""
    return tf.reduce_sum(tf.reduce_sum(values, axis=1) / divisor)


def _reported(values, divisor, assignment):
    """The Reported of localisation losses [B, A]; the divisor is a scalar or [B]."""
    divisors = tf.broadcast_to(divisor, tf.shape(values)[:1])
    return Reported(tf.stop_gradient(values / divisors[:, None]), assignment)


def _images(label):
    return sum_over_replicas(tf.cast(tf.shape(label)[0], tf.float32))


def _by_matches(positive, weights, priors, assignment):
    del weights, priors, assignment
    return tf.maximum(sum_over_replicas(tf.reduce_sum(positive)), 1.0)


def _by_sampled(positive, weights, priors, assignment):
    del positive, priors
    if weights is None:
        weights = tf.cast(assignment.label >= 0, tf.float32)
    count = tf.reduce_sum(weights, axis=1)
    return tf.maximum(count, 1.0) * _images(assignment.label)


def _by_priors(positive, weights, priors, assignment):
    del positive, weights
    count = tf.reduce_sum(tf.cast(priors.valid, tf.float32), axis=-1)
    return tf.maximum(count, 1.0) * _images(assignment.label)


def _by_nothing(positive, weights, priors, assignment):
    del positive, weights, priors, assignment
    return 1.0


_DIVISORS = {
    "MATCHES": _by_matches,
    "SAMPLED": _by_sampled,
    "PRIORS": _by_priors,
    "NOTHING": _by_nothing,
}
