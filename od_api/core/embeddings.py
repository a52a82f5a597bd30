"""How far apart embeddings are."""

import tensorflow as tf


def distances(own, others):
    """[..., n, c], [..., m, c] -> [..., n, m] Euclidean distances; c must be known.

    Number by number, since [..., n, m, c] takes c times the memory, and the product of
    the embeddings would lose the digits of near ones.
    """
    pairs = zip(tf.unstack(own, axis=-1), tf.unstack(others, axis=-1), strict=True)
    squares = [tf.square(a[..., :, None] - b[..., None, :]) for a, b in pairs]
    return tf.sqrt(tf.add_n(squares))
