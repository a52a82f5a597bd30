"""Draws that depend on nothing but their seed, and checks of their ranges."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core import sample as samples

# What a conditional step may change; everything else stays outside the condition.
_CHANGEABLE = ("image", "scale", *samples.PER_BOX_FIELDS)


def seeds(seed, count):
    """int32 [2] -> `count` independent seeds, each int32 [2]."""
    return tf.unstack(tf.random.split(seed, count), count)


def uniform(seed, low=0.0, high=1.0, shape=()):
    """float32 `shape` in [low, high); low where the two are equal."""
    unit = tf.random.stateless_uniform(shape, seed)
    return low + (high - low) * unit


def integer(seed, low, high):
    """int32 scalar in [low, high); low where the range is empty."""
    low = tf.convert_to_tensor(low, tf.int32)
    high = tf.maximum(tf.cast(high, tf.int32), low + 1)
    return tf.random.stateless_uniform([], seed, low, high, tf.int32)


def chance(seed, probability):
    """bool scalar, True with `probability`: never for 0, always for 1."""
    return tf.random.stateless_uniform([], seed) < probability


def apply_if(flag, transform, sample):
    """`transform(sample)` where the bool scalar `flag` holds, else the sample.

    `transform` may change the image and the per-box fields.
    """
    moving = {k: sample[k] for k in _CHANGEABLE if k in sample}

    def changed():
        after = transform(sample)
        return {k: after[k] for k in moving}

    return {**sample, **tf.cond(flag, changed, lambda: moving)}


def check_range(low_name, low, high_name, high, at_least=None):
    """RangeError unless at_least <= low <= high."""
    ranges.ordered(low_name, low, high_name, high)
    if at_least is not None:
        ranges.at_least(low_name, low, at_least)
