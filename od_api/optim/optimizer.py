"""The message Optimizer: an update rule, and perhaps a moving average beside it."""

import contextlib

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field, register
from od_api.optim.ema import ExponentialMovingAverage
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.Optimizer)
class Optimizer:
    """Applies the rule to the variables, then moves their averages.

    Attributes:
      rule: the part that updates variables (`MomentumOptimizer`, ...).
      ema: `ExponentialMovingAverage`, or None where the config wants none. The schema's
        default is to have one.
      loss_scale: a LossScale while training in float16, else None.
    """

    def __init__(self, *, rule, ema=None):
        self.rule = rule
        self.ema = ema
        self.loss_scale = None

    @classmethod
    def from_proto(cls, message, **context):
        """The rule that the oneof names, and the average unless it is switched off."""
        member = message.WhichOneof("optimizer")
        if member is None:
            names = ", ".join(f.name for f in message.DESCRIPTOR.oneofs[0].fields)
            raise ConfigError(f"names no optimizer: set one of {names}")
        ema = None
        if message.use_moving_average:
            ema = ExponentialMovingAverage(message.moving_average_decay)
        return cls(rule=build_field(message, member, **context), ema=ema)

    def create_slots(self, variables):
        """The rule's slots and the averages of {name: tf.Variable}.

        Returns:
          {variable name: {slot name: tf.Variable}} of the rule.
        """
        if self.ema is not None:
            self.ema.create_slots(variables)
        return self.rule.create_slots(variables)

    def slot_variables(self):
        """{"variable/slot": tf.Variable} of the rule; the averages are `ema`'s own."""
        return self.rule.slot_variables()

    def averaged_weights(self):
        """A block within which the variables hold their averages, if there are any."""
        return contextlib.nullcontext() if self.ema is None else self.ema.swap()

    def learning_rate(self, step):
        """int64 scalar step -> float32 scalar rate."""
        return self.rule.learning_rate(step)

    def apply(self, gradients, step):
        """One update, as `SlotOptimizer.apply`, and one of the averages."""
        self.rule.apply(gradients, step)
        if self.ema is not None:
            self.ema.update(step)
