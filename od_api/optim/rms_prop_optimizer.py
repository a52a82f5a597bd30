"""RMSProp with momentum, the optimizer of the study's SSD models."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.optim.slots import SlotOptimizer
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.RMSPropOptimizer)
class RMSPropOptimizer(SlotOptimizer):
    """Divide the gradient by the running root mean square of the ones before.

    mean_square <- rho * mean_square + (1 - rho) * gradient^2
    momentum <- m * momentum + rate * gradient / sqrt(mean_square + epsilon)
    variable <- variable - momentum

    Source: Tieleman and Hinton, Coursera lecture 6.5, 2012, in TF 1's form. Epsilon
    stands under the root, and the mean square starts at 1. The schema's epsilon of 1
    makes this close to plain momentum for small gradients.

    Args:
      learning_rate: the schedule, `step -> rate`.
      momentum_optimizer_value: m, 0..1.
      decay: rho, 0..1. (The old API's TF 2 trainer passed it on as a decay of the
        learning rate: configs tuned there trained at a much smaller rate.)
      epsilon: added to the mean square.
    """

    def __init__(
        self,
        *,
        learning_rate=None,
        momentum_optimizer_value=0.9,
        decay=0.9,
        epsilon=1.0,
    ):
        super().__init__(learning_rate, {"mean_square": 1.0, "momentum": 0.0})
        ranges.probability("momentum_optimizer_value", momentum_optimizer_value)
        self._momentum = momentum_optimizer_value
        self._rho = ranges.between("decay", decay, 0, 1)
        self._epsilon = ranges.at_least("epsilon", epsilon)

    def _update(self, variable, gradient, rates, slots):
        dtype = variable.dtype
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=slots["mean_square"].handle,
            mom=slots["momentum"].handle,
            lr=tf.cast(rates["learning_rate"], dtype),
            rho=tf.constant(self._rho, dtype),
            momentum=tf.constant(self._momentum, dtype),
            epsilon=tf.constant(self._epsilon, dtype),
            grad=gradient,
            use_locking=True,
        )
