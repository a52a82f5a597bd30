"""A mini-batch of each image with a set share of positives."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import sampler_pb2
from od_api.samplers._random_pick import random_pick, two_seeds


@register(sampler_pb2.BalancedSampler)
class BalancedSampler:
    """Random positives up to a share, then random negatives up to the size.

    Where positives are short, negatives take their places; where negatives are short,
    fewer are kept. Source: Ren et al., Faster R-CNN, NIPS 2015, section 3.1.3, where
    the first stage has size 256 and fraction 0.5.

    Args:
      batch_size: anchors of an image, at least 1.
      positive_fraction: largest share of positives, 0..1.
    """

    needs_losses = False

    def __init__(self, *, batch_size=256, positive_fraction=0.5):
        ranges.at_least("batch_size", batch_size, 1, ranges.MOST_BOXES)
        ranges.probability("positive_fraction", positive_fraction)
        self.batch_size = batch_size
        self.max_positives = int(positive_fraction * batch_size)

    def sample(self, assignment, losses=None, seed=None):
        """`Assignment`, seed of two ints -> [B, A] float32, 1 for what is kept.

        Raises:
          UserError: no seed.
        """
        del losses
        seeds = tf.unstack(two_seeds(seed, "the balanced sampler"))
        images = tf.shape(assignment.label)[0]
        positive = random_pick(
            assignment.label == 1, tf.fill([images], self.max_positives), seeds[0]
        )
        taken = tf.reduce_sum(tf.cast(positive, tf.int32), axis=1)
        negative = random_pick(assignment.label == 0, self.batch_size - taken, seeds[1])
        return tf.cast(positive | negative, tf.float32)
