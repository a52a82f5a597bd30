"""What every optimizer shares: slot variables, and where an update runs.

Keras 3 optimizers read a slot, compute and assign: of two workers that do so at once
the last writer wins and the other's update is lost. Here an update is one fused
resource op that holds the variable's lock, so that any number of workers may apply
updates at any time. There is no hidden state besides the slots: whatever depends on
time is computed from the `step` that the training loop counts.
"""

import abc

import tensorflow as tf
from absl import logging


def update_each_copy(update, variable, *args):
    """Run `update(variable, *args)` for every copy that this context answers for.

    A mirrored variable has one copy a device. In replica context (inside
    `strategy.run`) each replica updates its own copy, whose `.handle` is what the
    variable then gives; in cross-replica context the strategy visits all copies and
    picks each argument's value of that device. Without a strategy there is one copy.
    """
    if tf.distribute.in_cross_replica_context():
        strategy = tf.distribute.get_strategy()
        strategy.extended.update(variable, update, args=args)
    else:
        update(variable, *args)


def variable_like(variable, name, initial):
    """An untrained variable beside `variable`, mirrored as it is.

    Args:
      variable: tf.Variable.
      name: the new variable's name.
      initial: a number to fill it with, or "same" for a copy of `variable`.
    """
    strategy = getattr(variable, "distribute_strategy", tf.distribute.get_strategy())

    def value():
        if initial == "same":
            return tf.cast(variable.read_value(), variable.dtype)
        return tf.fill(variable.shape, tf.cast(initial, variable.dtype))

    with strategy.scope(), strategy.extended.colocate_vars_with(variable):
        start = value()
        return tf.Variable(start, trainable=False, name=name, dtype=variable.dtype)


class SlotOptimizer(abc.ABC):
    """Keeps slots beside the variables and hands each variable's gradient to one op.

    A rule (momentum, RMSProp, ...) names its slots and does the update in `_update`.

    Args:
      schedule: `step -> rate`.
      initial_slots: {slot name: the number it starts from}.
    """

    def __init__(self, schedule, initial_slots):
        if schedule is None:
            raise ValueError("learning_rate is not set: name one of its schedules")
        self._schedule = schedule
        self._initial_slots = initial_slots
        self._variables = {}
        self._slots = {}

    def create_slots(self, variables):
        """Make the slots, next to the variables they belong to.

        Args:
          variables: {name: tf.Variable}, what will be trained.

        Returns:
          {variable name: {slot name: tf.Variable}}.
        """
        for name, variable in variables.items():
            self._variables[name] = variable
            self._slots[name] = {
                slot: variable_like(variable, f"{name}/{slot}", initial)
                for slot, initial in self._initial_slots.items()
            }
        return {name: dict(slots) for name, slots in self._slots.items()}

    def slot_variables(self):
        """{"variable name/slot name": tf.Variable}, what a checkpoint stores."""
        return {
            f"{name}/{slot}": variable
            for name, slots in self._slots.items()
            for slot, variable in slots.items()
        }

    def learning_rate(self, step):
        """int64 scalar step -> float32 scalar rate."""
        return self._schedule(step)

    def apply(self, gradients, step):
        """Update every variable once.

        Works inside `strategy.run` and outside, eagerly and in a `tf.function`. Under a
        synchronous strategy the gradients are already summed over the replicas, as
        `reduce_gradients` does.

        Args:
          gradients: {name: tensor of the variable's shape}; None leaves the variable as
            it is (the loss does not depend on it), and so does a missing name.
          step: int64 scalar, the steps done so far, 0 for the first update.

        Raises:
          ValueError: a name that `create_slots` was not given.
        """
        unknown = sorted(set(gradients) - set(self._variables))
        if unknown:
            raise ValueError(f"gradients for variables without slots: {unknown[:5]}")
        rates = self._rates(step)
        for name, gradient in gradients.items():
            if gradient is None:
                logging.log_first_n(
                    logging.WARNING, "%s gets no gradient from the loss", 5, name
                )
                continue
            variable, slots = self._variables[name], self._slots[name]
            update_each_copy(self._cast_update, variable, gradient, rates, slots)

    def _cast_update(self, variable, gradient, rates, slots):
        # Dense, too: the fused ops' sparse forms skip the decay of untouched rows.
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        self._update(variable, gradient, rates, slots)

    def _rates(self, step):
        """{name: float32 scalar} of what changes with time, for all variables alike."""
        return {"learning_rate": self.learning_rate(step)}

    @abc.abstractmethod
    def _update(self, variable, gradient, rates, slots):
        """Apply the rule to one copy of one variable, under the variable's lock."""
