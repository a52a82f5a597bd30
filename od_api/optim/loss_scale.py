"""Dynamic loss scaling for float16 (Micikevicius et al., ICLR 2018, section 3.2)."""

import tensorflow as tf

# The usual start and rhythm of dynamic scaling.
_INITIAL_SCALE = 2.0**15
_GROWTH_STEPS = 2000


class LossScale:
    """Multiplies the loss so that small float16 gradients do not vanish.

    A step whose gradients are not finite is skipped and the scale halved; after
    2,000 good steps in a row it doubles.

    Attributes:
      variables: {name: tf.Variable}, the state that a checkpoint keeps.
    """

    def __init__(self):
        only_first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self._scale = tf.Variable(
            _INITIAL_SCALE, trainable=False, aggregation=only_first, name="loss_scale"
        )
        self._good_steps = tf.Variable(
            0, dtype=tf.int64, trainable=False, aggregation=only_first, name="good"
        )
        self.variables = {
            "loss_scale/scale": self._scale,
            "loss_scale/good_steps": self._good_steps,
        }

    def scaled(self, loss):
        """The loss to differentiate."""
        return loss * self._scale

    def apply(self, gradients, update):
        """Updates with unscaled gradients, or skips the step if any overflowed.

        Args:
          gradients: {name: gradient of the scaled loss, or None}, summed over replicas.
          update: called with {name: unscaled gradient, or None}.
        """
        present = {
            n: tf.convert_to_tensor(g) for n, g in gradients.items() if g is not None
        }
        finite = tf.reduce_all(
            [tf.reduce_all(tf.math.is_finite(g)) for g in present.values()]
        )
        unscaled = {
            n: present[n] / self._scale if n in present else None for n in gradients
        }

        def apply():
            update(unscaled)
            return True

        tf.cond(finite, apply, lambda: False)
        good = tf.where(finite, self._good_steps + 1, 0)
        grow = good >= _GROWTH_STEPS
        factor = tf.where(finite, tf.where(grow, 2.0, 1.0), 0.5)
        self._scale.assign(tf.maximum(self._scale * factor, 1.0))
        self._good_steps.assign(tf.where(grow, tf.zeros_like(good), good))
