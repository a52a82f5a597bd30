"""Adam with decoupled weight decay."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.replicas import beside
from od_api.optim.adam_optimizer import adam_rates, adam_update
from od_api.optim.slots import SlotOptimizer
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.AdamwOptimizer)
class AdamwOptimizer(SlotOptimizer):
    """variable <- (1 - rate * weight_decay) * variable, then Adam's update.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019,
    algorithm 2. Every trained variable decays, biases and batch norm's scales too, as
    there. The decay subtracts under the variable's lock, so no concurrent update is
    lost; it is taken from the value read just before.

    Args:
      learning_rate: the schedule, `step -> rate`.
      epsilon: added to the root.
      beta_1: decay of the mean gradient, 0..1.
      beta_2: decay of the mean squared gradient, 0..1.
      weight_decay: share of the variable to subtract at a rate of 1.
    """

    def __init__(
        self,
        *,
        learning_rate=None,
        epsilon=1e-8,
        beta_1=0.9,
        beta_2=0.999,
        weight_decay=1e-4,
    ):
        super().__init__(learning_rate, {"m": 0.0, "v": 0.0})
        self._epsilon = ranges.above("epsilon", epsilon)
        self._betas = (
            ranges.below("beta_1", beta_1, 1),
            ranges.below("beta_2", beta_2, 1),
        )
        self._weight_decay = ranges.at_least("weight_decay", weight_decay)

    def _rates(self, step):
        return adam_rates(self.learning_rate(step), step, *self._betas)

    def _update(self, variable, gradient, rates, slots):
        handle, dtype = variable.handle, variable.dtype
        decay = tf.cast(rates["learning_rate"] * self._weight_decay, dtype)
        with beside(variable):
            value = tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype)
            tf.raw_ops.ResourceApplyGradientDescent(
                var=handle, alpha=decay, delta=value, use_locking=True
            )
        adam_update(variable, gradient, rates, slots, *self._betas, self._epsilon)
