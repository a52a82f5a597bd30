"""The exponential moving average of the trained variables."""

import contextlib

import tensorflow as tf

from od_api.core import ranges
from od_api.core.replicas import beside, move_average
from od_api.optim.slots import update_each_copy, variable_like


class ExponentialMovingAverage:
    """average <- average - (1 - d) * (average - variable), after every step.

    d = min(decay, (1 + step) / (10 + step)), TF 1's warm-up: without it a decay of
    .9999 would remember the random start for 10,000 steps. The difference is subtracted
    in one op under the average's lock.

    Args:
      decay: 0..1.
    """

    def __init__(self, decay):
        self._decay = ranges.probability("moving_average_decay", decay)
        self._variables = {}
        self._averages = {}

    def create_slots(self, variables):
        """Make the averages, equal to the variables' values now (see `reset`).

        Args:
          variables: {name: tf.Variable}.
        """
        for name, variable in variables.items():
            self._variables[name] = variable
            self._averages[name] = variable_like(variable, f"{name}/average", "same")

    def slot_variables(self):
        """{variable name: tf.Variable of its average}, what a checkpoint stores."""
        return dict(self._averages)

    def reset(self):
        """Set the averages to the variables: after a fine-tune checkpoint is loaded."""
        for name, average in self._averages.items():
            average.assign(self._variables[name].read_value())

    def update(self, step):
        """Move the averages towards the variables, after the update of `step`.

        Args:
          step: int64 scalar, the steps done before the update, 0 for the first one.
        """
        count = tf.cast(step, tf.float32)
        keep = tf.minimum(self._decay, (1.0 + count) / (10.0 + count))
        for name, average in self._averages.items():
            update_each_copy(_approach, average, self._variables[name], keep)

    @contextlib.contextmanager
    def swap(self):
        """Within the block the variables hold their averages; afterwards their own.

        For evaluation and export, outside `strategy.run`. The variables get their own
        values back even if the block raises. Do not train inside the block.
        """
        own = {
            name: tf.identity(variable.read_value())
            for name, variable in self._variables.items()
        }
        try:
            for name, variable in self._variables.items():
                variable.assign(self._averages[name].read_value())
            yield
        finally:
            for name, variable in self._variables.items():
                variable.assign(own[name])


def _approach(average, variable, keep):
    with beside(average):
        value = tf.raw_ops.ReadVariableOp(
            resource=variable.handle, dtype=variable.dtype
        )
    move_average(average, value, 1.0 - keep)
