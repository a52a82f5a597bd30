"""A learning rate multiplied by a factor every so many steps."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.ExponentialDecayLearningRate)
class ExponentialDecayLearningRate:
    """initial * factor ^ ((step - burn-in) / decay_steps), after a burn-in at one rate.

    The decay starts to count where the burn-in ends, as in the last releases of the old
    API (its first ones counted from step 0). The floor holds during the burn-in too.

    Args:
      initial_learning_rate: rate right after the burn-in.
      decay_steps: steps for one full `decay_factor`.
      decay_factor: what the rate is multiplied by.
      staircase: decay in jumps of a whole `decay_factor` instead of smoothly.
      burnin_learning_rate: rate before step `burnin_steps`; 0 means the initial rate.
      burnin_steps: length of the burn-in.
      min_learning_rate: the rate never falls below this.
    """

    def __init__(
        self,
        *,
        initial_learning_rate=0.002,
        decay_steps=4000000,
        decay_factor=0.95,
        staircase=True,
        burnin_learning_rate=0.0,
        burnin_steps=0,
        min_learning_rate=0.0,
    ):
        if decay_steps < 1:
            raise ValueError("decay_steps is 0: set the steps between two decays")
        ranges.at_least("initial_learning_rate", initial_learning_rate)
        ranges.above("decay_factor", decay_factor)
        ranges.at_least("burnin_learning_rate", burnin_learning_rate)
        ranges.at_least("min_learning_rate", min_learning_rate)
        self._initial = initial_learning_rate
        self._decay_steps = decay_steps
        self._factor = decay_factor
        self._staircase = staircase
        self._burnin_rate = burnin_learning_rate or initial_learning_rate
        self._burnin_steps = burnin_steps
        self._floor = min_learning_rate

    def __call__(self, step):
        """int64 scalar step, counted from 0 -> float32 scalar rate."""
        step = tf.cast(step, tf.int64)
        # In float64: a step above 2^24 is not exact in float32.
        since = tf.cast(tf.maximum(step - self._burnin_steps, 0), tf.float64)
        decays = since / self._decay_steps
        if self._staircase:
            decays = tf.floor(decays)
        decayed = self._initial * tf.pow(tf.constant(self._factor, tf.float64), decays)
        burnin = tf.constant(self._burnin_rate, tf.float64)
        rate = tf.where(step < self._burnin_steps, burnin, decayed)
        return tf.cast(tf.maximum(rate, self._floor), tf.float32)
