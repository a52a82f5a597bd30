"""All positives, and negatives at random."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2
from od_api.samplers._random_pick import random_pick, two_seeds


@register(losses_pb2.RandomExampleSampler)
class RandomExampleSampler:
    """Keeps all positives and as many random negatives as the set ratio asks for.

    With P positives in an image there are int(P * (1 - f) / f) negatives, f being
    `positive_sample_fraction`; an image without positives keeps nothing. Source: the
    old API.

    Args:
      positive_sample_fraction: share of positives, above 0 and up to 1.
    """

    needs_losses = False

    def __init__(self, *, positive_sample_fraction=0.01):
        ranges.above("positive_sample_fraction", positive_sample_fraction, 0, 1)
        self.ratio = (1 - positive_sample_fraction) / positive_sample_fraction

    def sample(self, assignment, losses=None, seed=None):
        """`Assignment`, seed of two ints -> [B, A] float32, 1 for what is kept.

        Raises:
          UserError: no seed.
        """
        del losses
        _, seed = tf.unstack(two_seeds(seed, "random_example_sampler"))
        positive = assignment.label == 1
        count = tf.reduce_sum(tf.cast(positive, tf.float32), axis=1)
        negatives = tf.cast(self.ratio * count, tf.int32)
        negative = random_pick(assignment.label == 0, negatives, seed)
        return tf.cast(positive | negative, tf.float32)
