"""Stochastic gradient descent with momentum."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.optim.slots import SlotOptimizer
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.MomentumOptimizer)
class MomentumOptimizer(SlotOptimizer):
    """momentum <- m * momentum - rate * gradient; variable <- variable + momentum.

    This is the rule of the old API's TF 2 trainer. Its TF 1 trainer kept the rate out
    of the average: the same as long as the rate stays, and where the rate drops, steps
    taken before the drop still count at the old rate here.

    Args:
      learning_rate: the schedule, `step -> rate`.
      momentum_optimizer_value: m, 0..1.
    """

    def __init__(self, *, learning_rate=None, momentum_optimizer_value=0.9):
        super().__init__(learning_rate, {"momentum": 0.0})
        ranges.probability("momentum_optimizer_value", momentum_optimizer_value)
        self._momentum = momentum_optimizer_value

    def _update(self, variable, gradient, rates, slots):
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=slots["momentum"].handle,
            lr=tf.cast(rates["learning_rate"], variable.dtype),
            grad=gradient,
            momentum=tf.constant(self._momentum, variable.dtype),
            use_locking=True,
        )
