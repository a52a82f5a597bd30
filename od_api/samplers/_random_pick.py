"""A random choice of so many anchors of each image."""

import tensorflow as tf

from od_api.core.errors import UserError

# Left to choose, XLA would draw other numbers than TensorFlow's own kernels.
ALGORITHM = "philox"


def random_pick(candidates, count, seed):
    """`count` of the candidates of each image, or all where there are fewer.

    Args:
      candidates: [B, A] bool.
      count: [B] int32.
      seed: [2] ints; the same seed makes the same choice.

    Returns:
      [B, A] bool.
    """
    # Every number of A places is likely to be different, and where two are the same
    # the sort still gives each a rank of its own.
    lots = tf.random.stateless_uniform(tf.shape(candidates), seed, alg=ALGORITHM)
    order = tf.argsort(tf.where(candidates, lots, 2.0), axis=1, stable=True)
    rank = tf.argsort(order, axis=1)
    return candidates & (rank < count[:, None])


def two_seeds(seed, name):
    """[2] ints -> two seeds, [2, 2]; a sampler called `name` cannot do without."""
    if seed is None:
        raise UserError(f"{name} draws at random and needs a seed: two integers")
    return tf.random.split(tf.convert_to_tensor(seed), 2, alg=ALGORITHM)
