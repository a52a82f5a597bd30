"""The objective of FreeAnchor: objects and priors choose each other as they learn."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import build, register
from od_api.core.replicas import sum_over_replicas
from od_api.core.trimmed_targets import trimmed
from od_api.core.types import Priors
from od_api.objectives._leaving_out import LeavingOut
from od_api.protos import losses_pb2, objective_pb2

# Of 1 - p: keeps its reciprocal, and the gradient of that, well inside float32.
SMALLEST_MISS = 1e-7
# Powers of probabilities vanish in float32 long before.
LARGEST_EXPONENT = 100
# exp(-1e9) is 0, and there is no infinity to make NaN of.
LOG_OF_NOTHING = -1e9


@register(objective_pb2.FreeAnchorObjective)
class FreeAnchorObjective:
    """Bags of priors in place of an assignment (Zhang et al., NeurIPS 2019).

    An object's bag is the n priors of the highest IoU with it. With a prior's
    probability p = P_cls * P_loc of naming and enclosing the object, where
    P_loc = exp(-weight * localisation loss), the positive loss of the object is
      -alpha * log mean-max(p), mean-max(p) = sum(p / (1 - p)) / sum(1 / (1 - p)),
    which is the mean while all are poor and the maximum when one is good. The negative
    loss, of every prior and class, is
      -(1 - alpha) * q^gamma * log(1 - q), q = P_cls * (1 - E),
    where E, without a gradient, is how well the predicted box explains an object of
    that class: of each object 0 up to the IoU threshold, 1 at the best IoU of all
    predicted boxes with it, linear between; and the largest of all objects. The
    positive losses of a batch are divided by its number of objects, the negative ones
    by n times it (both at least 1).

    P_cls are sigmoids, so there is no background class. Objects of weight 0, padding
    and what is ignored are no objects at all; other weights multiply an object's loss
    and its count. Priors that are not valid are in no bag and no background, and those
    that an ignore rule leaves out as negatives are no background.

    Args:
      num_classes: K.
      add_background_class: must be False.
      box_coder: between codes and boxes.
      bag_size: n.
      iou_threshold: see above, from 0 to below 1.
      alpha: 0..1.
      gamma: at least 0.
      localization_loss: on codes, or on boxes where its `on_boxes` says so. None is the
        published one, smooth L1 of delta .11.
      localization_weight: of it in P_loc. The published .75 is of a smooth L1 that is
        divided by its delta: .75 / .11.
      ignore_rules: what is neither object nor background; without a rule for ignored
        ground truth there is the default one.
    """

    batch_size = None

    def __init__(
        self,
        *,
        num_classes,
        box_coder,
        add_background_class=True,
        bag_size=50,
        iou_threshold=0.6,
        alpha=0.5,
        gamma=2.0,
        localization_loss=None,
        localization_weight=6.818182,
        ignore_rules=(),
    ):
        if add_background_class:
            raise ValueError(
                "takes scores from sigmoids, without a background class: use it in "
                "model.ssd with add_background_class: false"
            )
        self.num_classes = num_classes
        self.add_background_class = add_background_class
        self.box_coder = box_coder
        self.bag_size = ranges.at_least("bag_size", bag_size, 1, ranges.MOST_BOXES)
        self.iou_threshold = ranges.below("iou_threshold", iou_threshold, 1)
        self.alpha = ranges.probability("alpha", alpha)
        self.gamma = ranges.between("gamma", gamma, 0, LARGEST_EXPONENT)
        self.localization_loss = localization_loss or build(
            losses_pb2.LocalizationLoss(weighted_smooth_l1={"delta": 0.11})
        )
        self.localization_weight = ranges.at_least(
            "localization_weight", localization_weight
        )
        self._leaving_out = LeavingOut(ignore_rules)

    def __call__(self, predictions, targets, seed=None):
        """The losses of a batch.

        Args:
          predictions: Predictions with one box a prior.
          targets: Targets.
          seed: unused: nothing is drawn.

        Returns:
          {"positive_bag_loss", "negative_bag_loss"}: float32 scalars. Over replicas
          they add up to the loss of the whole batch.
        """
        del seed
        targets = trimmed(targets)
        left_out = self._leaving_out.of(predictions.priors, targets)
        predictions = _without(left_out.priors, predictions)
        weights = tf.where(targets.objects, targets.weights, 0.0)
        if left_out.objects is not None:
            weights = tf.where(left_out.objects, 0.0, weights)
        objects = tf.maximum(sum_over_replicas(tf.reduce_sum(weights)), 1.0)
        bags = self._bag_losses(predictions, targets, weights > 0.0)
        background = self._background_losses(predictions, targets, weights > 0.0)
        if left_out.negatives is not None:
            background = tf.where(left_out.negatives[..., None], 0.0, background)
        return {
            "positive_bag_loss": self.alpha * tf.reduce_sum(weights * bags) / objects,
            "negative_bag_loss": (1 - self.alpha)
            * tf.reduce_sum(background)
            / (self.bag_size * objects),
        }

    def _bag_losses(self, predictions, targets, is_object):
        """[B, G]: -log mean-max of each object's bag; 0 without an object."""
        bag, has_prior = self._bags(predictions.priors, targets.boxes)
        log_p = self._log_class(predictions, targets.classes, bag)
        log_p -= self.localization_weight * self._box_losses(
            predictions, targets.boxes, bag, is_object
        )
        losses = -_log_mean_max(log_p, has_prior)
        counts = is_object & tf.reduce_any(has_prior, axis=-1)
        return tf.where(counts, losses, 0.0)

    def _bags(self, priors, boxes):
        """The priors of each object's bag: [B, G, n] rows, [B, G, n] bool: is one."""
        overlaps = geometry.pairwise(geometry.iou, boxes, priors.boxes)
        valid = tf.broadcast_to(priors.valid[..., None, :], tf.shape(overlaps))
        overlaps = tf.where(valid, overlaps, -1.0)
        size = tf.minimum(self.bag_size, tf.shape(overlaps)[-1])
        best, bag = tf.math.top_k(tf.stop_gradient(overlaps), size)
        return bag, best >= 0.0

    def _log_class(self, predictions, classes, bag):
        """[B, G, n] log of the probability of the object's class."""
        logits = predictions.class_logits
        rows = tf.reshape(logits, [tf.shape(logits)[0], -1])
        places = bag * self.num_classes + classes[:, :, None]
        return tf.math.log_sigmoid(tf.gather(rows, places, batch_dims=1))

    def _box_losses(self, predictions, boxes, bag, is_object):
        """[B, G, n] localisation losses of the bags' priors."""
        priors = _of_bags(predictions.priors, bag)
        codes = tf.gather(predictions.box_codes[:, :, 0], bag, batch_dims=1)
        # Padding aims at the priors: whatever is computed there stays finite.
        wanted = tf.where(is_object[..., None, None], boxes[:, :, None], priors.boxes)
        if getattr(self.localization_loss, "on_boxes", False):
            decoded = self.box_coder.decode(codes, priors)
            return self.localization_loss(decoded, wanted)
        return self.localization_loss(codes, self.box_coder.encode(wanted, priors))

    def _background_losses(self, predictions, targets, is_object):
        """[B, A, K]: focal losses of what no object explains; 0 for invalid priors."""
        logits = predictions.class_logits
        explained = self._explained(predictions, targets, is_object)
        q = tf.sigmoid(logits) * (1.0 - explained)
        # 1 - q = (1 + E exp(x)) / (1 + exp(x)), for all logits x without rounding.
        shift = tf.where(explained > 0.0, tf.math.log(explained), LOG_OF_NOTHING)
        losses = tf.math.softplus(logits) - tf.math.softplus(logits + shift)
        if self.gamma:
            # A power below 1 has an infinite slope at 0.
            losses *= tf.maximum(q, 1e-12) ** self.gamma
        return tf.where(predictions.priors.valid[..., None], losses, 0.0)

    def _explained(self, predictions, targets, is_object):
        """[B, A, K], no gradient: E, how well the boxes explain objects by class."""
        boxes = predictions.boxes[:, :, 0]
        overlaps = geometry.pairwise(geometry.iou, targets.boxes, boxes)
        valid = predictions.priors.valid[..., None, :] & is_object[..., None]
        overlaps = tf.where(valid, overlaps, 0.0)
        above = tf.reduce_max(overlaps, axis=-1, keepdims=True) - self.iou_threshold
        share = tf.math.divide_no_nan(
            tf.maximum(overlaps - self.iou_threshold, 0.0), tf.maximum(above, 0.0)
        )
        # The largest of each class, class by class: [B, G, A] -> [B, K, A].
        images, _, priors = tf.unstack(tf.shape(share))
        slots = targets.classes + self.num_classes * tf.range(images)[:, None]
        largest = tf.math.unsorted_segment_max(
            tf.reshape(share, [-1, priors]),
            tf.reshape(slots, [-1]),
            images * self.num_classes,
        )
        largest = tf.reshape(largest, [images, self.num_classes, priors])
        # A class without an object has the least of all numbers.
        largest = tf.clip_by_value(largest, 0.0, 1.0)
        return tf.stop_gradient(tf.transpose(largest, [0, 2, 1]))


def _without(priors, predictions):
    """Predictions in which some priors, [B, A] bool or None, are not valid."""
    if priors is None:
        return predictions
    kept = predictions.priors._replace(valid=predictions.priors.valid & ~priors)
    return predictions._replace(priors=kept)


def _of_bags(priors, bag):
    """The Priors at [B, G, n] rows: [B, G, n, ...]."""
    own = priors.boxes.shape.rank == 3
    return Priors(
        boxes=tf.gather(priors.boxes, bag, batch_dims=int(own)),
        strides=tf.gather(priors.strides, bag),
        levels=tf.gather(priors.levels, bag),
        valid=tf.gather(priors.valid, bag, batch_dims=priors.valid.shape.rank - 1),
    )


def _log_mean_max(log_p, counts):
    """log(sum(p / (1 - p)) / sum(1 / (1 - p))) over the last axis.

    Args:
      log_p: [..., n] logarithms of p.
      counts: [..., n] bool: what takes part; all false gives 0.

    Returns:
      [...] float32; in logarithms, so that small p neither vanish nor lose their
      gradients.
    """
    log_weight = -tf.math.log(tf.maximum(-tf.math.expm1(log_p), SMALLEST_MISS))
    both = tf.where(counts, log_p + log_weight, LOG_OF_NOTHING)
    alone = tf.where(counts, log_weight, LOG_OF_NOTHING)
    return tf.reduce_logsumexp(both, axis=-1) - tf.reduce_logsumexp(alone, axis=-1)
