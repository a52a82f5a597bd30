"""How far apart embeddings are."""

import tensorflow as tf


def distances(own, others):
    """[..., n, c], [..., m, c] -> [..., n, m] Euclidean distances; c must be known.

    The gradient of a distance of 0 is 0: there is no direction to move in.

    Number by number, since [..., n, m, c] takes c times the memory, and the product of
    the embeddings would lose the digits of near ones.
    """
    pairs = zip(tf.unstack(own, axis=-1), tf.unstack(others, axis=-1), strict=True)
    squares = [tf.square(a[..., :, None] - b[..., None, :]) for a, b in pairs]
    total = tf.add_n(squares)
    apart = total > 0.0
    return tf.where(apart, tf.sqrt(tf.where(apart, total, 1.0)), 0.0)
