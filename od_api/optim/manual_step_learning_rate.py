"""A learning rate that changes at the steps a list names."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.ManualStepLearningRate.LearningRateSchedule)
class LearningRateSchedule:
    """One entry of the list: from `step` on, the rate is `learning_rate`.

    Step 0 takes the place of initial_learning_rate, but must be said.
    """

    def __init__(self, *, step=None, learning_rate=0.002):
        if step is None:
            raise ValueError(
                "step is not set: say from which step on the rate is this, 1 or later; "
                "the rate of step 0 is initial_learning_rate"
            )
        self.step = step
        self.learning_rate = ranges.at_least("learning_rate", learning_rate)


@register(optimizer_pb2.ManualStepLearningRate)
class ManualStepLearningRate:
    """A piecewise constant rate; with `warmup` the first piece is a straight line.

    Args:
      initial_learning_rate: rate from step 0 on.
      schedule: `LearningRateSchedule` entries, steps strictly increasing. An entry of
        step 0 takes the place of initial_learning_rate, as early configs have it.
      warmup: from step 0 to the first entry, go from the initial rate to that entry's
        rate in equal steps.
    """

    def __init__(self, *, initial_learning_rate=0.002, schedule=(), warmup=False):
        ranges.at_least("initial_learning_rate", initial_learning_rate)
        self._steps = [entry.step for entry in schedule]
        for earlier, later in zip(self._steps, self._steps[1:], strict=False):
            if later <= earlier:
                raise ValueError(
                    f"schedule has step {later} after step {earlier}: the steps must "
                    "increase, so put the entries in order"
                )
        if warmup and self._steps and not self._steps[0]:
            raise ValueError(
                "schedule begins at step 0, to which no warm-up leads: remove warmup, "
                "or that entry"
            )
        self._rates = [initial_learning_rate, *(e.learning_rate for e in schedule)]
        self._warmup = warmup and bool(self._steps)

    def __call__(self, step):
        """int64 scalar step, counted from 0 -> float32 scalar rate."""
        step = tf.cast(step, tf.int64)
        boundaries = tf.constant(self._steps, tf.int64)
        piece = tf.reduce_sum(tf.cast(step >= boundaries, tf.int32))
        rate = tf.gather(tf.constant(self._rates, tf.float32), piece)
        if not self._warmup:
            return rate
        first, second = self._rates[:2]
        slope = (second - first) / self._steps[0]
        line = first + slope * tf.cast(step, tf.float32)
        return tf.where(step < self._steps[0], line, rate)
