"""Adam."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.optim.slots import SlotOptimizer
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.AdamOptimizer)
class AdamOptimizer(SlotOptimizer):
    """Running means of the gradient and of its square, corrected for their zero start.

    m <- b1 * m + (1 - b1) * gradient;  v <- b2 * v + (1 - b2) * gradient^2
    variable <- variable - rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)

    with b1 = 0.9, b2 = 0.999 and t = step + 1. The powers come from the step and are
    no state: concurrent workers have nothing to race for. Source: Kingma and Ba, Adam,
    ICLR 2015, the form before section 2.1's end, in which epsilon is not corrected.

    Args:
      learning_rate: the schedule, `step -> rate`.
      epsilon: added to the root.
    """

    def __init__(self, *, learning_rate=None, epsilon=1e-8):
        super().__init__(learning_rate, {"m": 0.0, "v": 0.0})
        self._epsilon = ranges.above("epsilon", epsilon)

    def _rates(self, step):
        return adam_rates(self.learning_rate(step), step, 0.9, 0.999)

    def _update(self, variable, gradient, rates, slots):
        adam_update(variable, gradient, rates, slots, 0.9, 0.999, self._epsilon)


def adam_rates(learning_rate, step, beta_1, beta_2):
    """{"learning_rate", "beta_1_power", "beta_2_power"} of the update after `step`."""
    count = tf.cast(step, tf.float32) + 1
    return {
        "learning_rate": learning_rate,
        "beta_1_power": tf.pow(tf.constant(beta_1, tf.float32), count),
        "beta_2_power": tf.pow(tf.constant(beta_2, tf.float32), count),
    }


def adam_update(variable, gradient, rates, slots, beta_1, beta_2, epsilon):
    """Adam's rule for one copy of one variable, in one op."""
    dtype = variable.dtype
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=slots["m"].handle,
        v=slots["v"].handle,
        beta1_power=tf.cast(rates["beta_1_power"], dtype),
        beta2_power=tf.cast(rates["beta_2_power"], dtype),
        lr=tf.cast(rates["learning_rate"], dtype),
        beta1=tf.constant(beta_1, dtype),
        beta2=tf.constant(beta_2, dtype),
        epsilon=tf.constant(epsilon, dtype),
        grad=gradient,
        use_locking=True,
    )
