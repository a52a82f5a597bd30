"""The global step of asynchronous training, counted exactly."""

import tensorflow as tf


class LaneCounter:
    """Counts each scheduled step once, whoever takes it and however often.

    A step is number `ticket` of lane `lane`; a lane has one step in hand at a time. To
    count is to raise `done[lane]` to `ticket`, one atomic op on the server that holds
    the counter. If a worker dies after it has counted, but before anybody heard of it,
    another one repeats its step and counts the same ticket: nothing changes. Adding 1
    would count that step twice.

    Args:
      step: int64 tf.Variable, the steps done before. Counting leaves it as it is: what
        it says belongs in a checkpoint.
      lanes: how many steps may be in hand.
    """

    def __init__(self, step, lanes):
        self._device, self._before = step.device, int(step.numpy())
        strategy = tf.distribute.get_strategy()
        with strategy.extended.colocate_vars_with(step):
            self._done = tf.Variable(
                tf.zeros([lanes], tf.int64), trainable=False, name="done"
            )

    def value(self):
        """int64 scalar: all steps done so far."""
        with tf.device(self._device):
            return self._before + tf.reduce_sum(self._done)

    def count(self, lane, ticket):
        """The step with this ticket is done.

        Args:
          lane: int64 scalar.
          ticket: int64 scalar, 1 for the first step of the lane.
        """
        tf.raw_ops.ResourceScatterMax(
            resource=self._done.handle, indices=lane, updates=ticket
        )
