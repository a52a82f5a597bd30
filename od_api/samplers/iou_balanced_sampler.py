"""A mini-batch whose negatives are drawn evenly from all degrees of overlap."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import sampler_pb2
from od_api.samplers._random_pick import ALGORITHM, random_pick, two_seeds


@register(sampler_pb2.IouBalancedSampler)
class IouBalancedSampler:
    """Random positives, evenly by object, then random negatives, evenly by IoU.

    Positives, up to their share: the objects take turns, one positive each, as long as
    they have any. Negatives take the other places: the range of their `quality`, from 0
    to the largest of the image, is cut into equal bins (the last one is closed), and
    each bin gives its share, or all that it has; places that are left go to any of the
    remaining negatives. With one bin and without `balance_objects` it is
    `balanced_sampler`. Source: Pang et al., Libra R-CNN, CVPR 2019, section 3.1.

    Args:
      batch_size: priors of an image, at least 1.
      positive_fraction: largest share of positives, 0..1.
      num_bins: of the negatives, at least 1.
      floor_threshold: bins begin at it, and negatives below it (at 0: those that
        overlap nothing) only fill up; -1: none are.
      balance_objects: objects take turns; False draws of all positives alike.

    Attributes:
      needs_losses: False.
    """

    needs_losses = False

    def __init__(
        self,
        *,
        batch_size=512,
        positive_fraction=0.25,
        num_bins=3,
        floor_threshold=-1.0,
        balance_objects=True,
    ):
        ranges.at_least("batch_size", batch_size, 1, ranges.MOST_BOXES)
        ranges.probability("positive_fraction", positive_fraction)
        # Each bin is a sort of all priors.
        ranges.at_least("num_bins", num_bins, 1, ranges.MOST_LAYERS)
        ranges.between("floor_threshold", floor_threshold, -1, 1)
        self.batch_size = batch_size
        self.max_positives = int(positive_fraction * batch_size)
        self.num_bins = num_bins
        self.floor_threshold = floor_threshold
        self.balance_objects = balance_objects

    def sample(self, assignment, losses=None, seed=None):
        """`Assignment`, seed of two ints -> [B, A] float32, 1 for what is kept.

        Raises:
          UserError: no seed.
        """
        del losses
        seeds = tf.unstack(two_seeds(seed, "the IoU-balanced sampler"))
        positive = assignment.label == 1
        wanted = tf.fill([tf.shape(positive)[0]], self.max_positives)
        if self.balance_objects:
            positive = _pick_in_turns(positive, assignment.gt_index, wanted, seeds[0])
        else:
            positive = random_pick(positive, wanted, seeds[0])
        left = self.batch_size - _count(positive)
        negative = self._negatives(assignment, left, seeds[1])
        return tf.cast(positive | negative, tf.float32)

    def _negatives(self, assignment, wanted, seed):
        """[B] how many -> [B, A] bool: evenly by bin, then any."""
        negative = assignment.label == 0
        bins = self._bins(tf.stop_gradient(assignment.quality), negative)
        share = wanted // self.num_bins
        picked = tf.zeros_like(negative)
        for i in range(self.num_bins):
            # Bins are disjoint: the same lots are as good as others.
            picked |= random_pick(negative & (bins == i), share, seed)
        # What is left goes to the bins, and only then to what is below the floor.
        pools = [negative & (bins >= 0)]
        pools += [negative] if self.floor_threshold >= 0 else []
        for pool, other in zip(pools, _more_seeds(seed, len(pools)), strict=True):
            left = wanted - _count(picked)
            picked |= random_pick(pool & ~picked, left, other)
        return picked

    def _bins(self, quality, negative):
        """[B, A] similarities -> [B, A] int32 bin, -1 below the floor."""
        low = max(self.floor_threshold, 0.0)
        largest = tf.reduce_max(tf.where(negative, quality, low), axis=1, keepdims=True)
        bins = tf.zeros_like(quality, tf.int32)
        for i in range(1, self.num_bins):
            edge = low + (largest - low) * i / self.num_bins
            # Where all are equal there is one bin.
            bins += tf.cast((quality >= edge) & (largest > low), tf.int32)
        if self.floor_threshold >= 0:
            bins = tf.where((quality >= low) & (quality > 0), bins, -1)
        return bins


def _more_seeds(seed, count):
    return tf.unstack(tf.random.split(seed, count, alg=ALGORITHM))


def _count(chosen):
    """[B, A] bool -> [B] int32."""
    return tf.reduce_sum(tf.cast(chosen, tf.int32), axis=1)


def _pick_in_turns(candidates, groups, count, seed):
    """`random_pick` in which groups take turns, one candidate each.

    Args:
      candidates: [B, A] bool.
      groups: [B, A] int32, at least 0.
      count: [B] int32.
      seed: [2] ints.

    Returns:
      [B, A] bool.
    """
    lots = tf.random.stateless_uniform(tf.shape(candidates), seed, alg=ALGORITHM)
    shuffle = tf.argsort(lots, axis=1, stable=True)
    groups = tf.where(candidates, groups, groups.dtype.max)
    groups = tf.gather(groups, shuffle, batch_dims=1)
    turn = tf.where(groups < groups.dtype.max, _turns(groups), groups.dtype.max)
    order = tf.argsort(turn, axis=1, stable=True)
    order = tf.gather(shuffle, order, batch_dims=1)
    rank = tf.argsort(order, axis=1)
    return candidates & (rank < count[:, None])


def _turns(groups):
    """[B, A] int32 -> [B, A] int32: how many of the same group stand before each."""
    images, size = tf.unstack(tf.shape(groups))
    order = tf.argsort(groups, axis=1, stable=True)
    ordered = tf.gather(groups, order, batch_dims=1)
    is_first = tf.pad(ordered[:, 1:] != ordered[:, :-1], [[0, 0], [1, 0]])
    run = (
        tf.cumsum(tf.cast(is_first, tf.int32), axis=1)
        + size * tf.range(images)[:, None]
    )
    place = tf.broadcast_to(tf.range(size), tf.shape(groups))
    start = tf.math.unsorted_segment_min(
        tf.reshape(place, [-1]), tf.reshape(run, [-1]), images * size
    )
    turn = place - tf.gather(start, run)
    return tf.gather(turn, tf.argsort(order, axis=1), batch_dims=1)
