"""A learning rate that falls along half a cosine to zero, after a linear warm-up."""

import math

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.CosineDecayLearningRate)
class CosineDecayLearningRate:
    """Linear warm-up, hold, then base / 2 * (1 + cos(pi * progress)); 0 at the end.

    Source: Loshchilov and Hutter, SGDR, ICLR 2017, equation 5, without restarts.

    Args:
      learning_rate_base: the rate when the warm-up ends.
      total_steps: all steps, warm-up and hold included; the rate is exactly 0 from
        there on.
      warmup_learning_rate: the rate of step 0.
      warmup_steps: length of the straight line from there to the base rate.
      hold_base_rate_steps: steps at the base rate before the cosine starts.
    """

    def __init__(
        self,
        *,
        learning_rate_base=0.002,
        total_steps=4000000,
        warmup_learning_rate=0.0002,
        warmup_steps=10000,
        hold_base_rate_steps=0,
    ):
        ranges.at_least("learning_rate_base", learning_rate_base)
        ranges.at_least("warmup_learning_rate", warmup_learning_rate)
        if warmup_steps + hold_base_rate_steps >= total_steps:
            raise ValueError(
                f"total_steps is {total_steps}, but warmup_steps and "
                f"hold_base_rate_steps already take {warmup_steps} + "
                f"{hold_base_rate_steps}: raise total_steps, or shorten them"
            )
        if warmup_steps and warmup_learning_rate > learning_rate_base:
            raise ValueError(
                f"warmup_learning_rate {warmup_learning_rate:g} is above "
                f"learning_rate_base {learning_rate_base:g}: a warm-up must rise (set "
                "warmup_steps: 0 for none)"
            )
        self._base = learning_rate_base
        self._total_steps = total_steps
        self._warmup_rate = warmup_learning_rate
        self._warmup_steps = warmup_steps
        self._hold_steps = hold_base_rate_steps

    def __call__(self, step):
        """int64 scalar step, counted from 0 -> float32 scalar rate."""
        step = tf.cast(step, tf.int64)
        flat_until = self._warmup_steps + self._hold_steps
        since = tf.cast(tf.maximum(step - flat_until, 0), tf.float64)
        progress = since / (self._total_steps - flat_until)
        rate = self._base / 2 * (1 + tf.cos(math.pi * progress))
        if self._warmup_steps:
            slope = (self._base - self._warmup_rate) / self._warmup_steps
            line = self._warmup_rate + slope * tf.cast(step, tf.float64)
            rate = tf.where(step < self._warmup_steps, line, rate)
        zero = tf.zeros([], tf.float64)
        return tf.cast(tf.where(step >= self._total_steps, zero, rate), tf.float32)
