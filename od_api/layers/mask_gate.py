"""Gates that set the background of maps to zero, and what they save.

Objectness mask gating: a small network (e.g. `fast_scnn`) says of every cell whether it
is background or foreground, and products with the zeros of the background are saved.
"""

import tensorflow as tf

from od_api.core.shapes import spatial_shape
from od_api.layers.upsampling import nearest_to


def soft_argmax(logits, beta=1.0):
    """[..., n] -> [...] float32: sum of i e^(beta x_i) / sum of e^(beta x_i), i from 0.

    A larger `beta` brings it closer to the place of the maximum.
    """
    logits = beta * tf.cast(logits, tf.float32)
    places = tf.range(logits.shape[-1], dtype=tf.float32)
    return tf.reduce_sum(tf.nn.softmax(logits) * places, axis=-1)


def surrogate_argmax(logits, beta=1.0):
    """[..., n] -> [...] float32: place of the maximum, gradient of `soft_argmax`."""
    soft = soft_argmax(logits, beta)
    hard = tf.cast(tf.argmax(logits, axis=-1), tf.float32)
    return hard + (soft - tf.stop_gradient(soft))


MODES = {"surrogate": surrogate_argmax, "soft": soft_argmax}


def gated(maps, logits, beta=1.0, mode="surrogate"):
    """Maps times the mask of foreground.

    Args:
      maps: {level: [B, h, w, C]}.
      logits: [B, h', w', 2] of background and foreground; the mask is brought to the
        size of each map by nearest neighbour.
      beta: of the soft arg-max, above 0.
      mode: "surrogate": the mask is 0 or 1, and its gradient the soft arg-max's;
        "soft": the mask is the soft arg-max, which logits of 0 make a half.

    Returns:
      {level: [B, h, w, C]}.

    Raises:
      ValueError: another mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}: take {', '.join(MODES)}")
    mask = MODES[mode](logits, beta)[..., None]
    return {level: x * _like(mask, x) for level, x in maps.items()}


def _like(mask, x):
    return tf.cast(nearest_to(mask, *spatial_shape(x)), x.dtype)


def nonzero_products(x, filters, kernel_size, strides=1):
    """Multiplications of a "same" convolution whose input numbers are not zero.

    Args:
      x: [B, h, w, C].
      filters: channels that come out.
      kernel_size, strides: of both sides.

    Returns:
      float32 scalar, for the whole batch.
    """
    counts = tf.reduce_sum(tf.cast(x != 0, tf.float32), axis=-1, keepdims=True)
    ones = tf.ones([kernel_size, kernel_size, 1, 1])
    return filters * tf.reduce_sum(tf.nn.conv2d(counts, ones, strides, "SAME"))
