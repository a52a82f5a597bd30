"""What a scheme does unless it says otherwise: nothing."""

import types

import tensorflow as tf


class BatchScheme:
    """Changes batches of training, by the number of the batch and a seed alone.

    One that `observes` also learns from the losses of the step before: what it knows is
    in variables, which the checkpoint keeps.

    Attributes:
      factor: images that one of a batch is made of: a step reads so many times as many.
      static_shapes: all batches have one shape, as XLA needs it.
      largest_shape: (height, width) that the largest of its images have, about or at
        least; None: they are of the size that they were.
      observes: it wants to be told of losses: `measured` and `observe`.
      variables: {name: tf.Variable}, once they are created.
    """

    factor = 1
    static_shapes = True
    largest_shape = None
    observes = False
    variables = types.MappingProxyType({})

    def create_variables(self):
        """Makes `variables`; in the scope of the strategy that trains."""

    def resizer(self, default, number, seed):
        """The resizer of the batch of this number, an int64 scalar; where data is read.

        Args:
          default: the resizer so far: the detector's, or that of a scheme before.
          number: int64 scalar.
          seed: int32 [2].
        """
        del number, seed
        return default

    def __call__(self, batch, seed):
        """{name: [factor * B, ...]} as `data/batch_fields.py` has it -> [B, ...].

        It runs inside the training step, on each replica's part of the batch.
        """
        del seed
        return batch

    def measured(self, report, targets):
        """Numbers of the losses of a step, of one replica's images.

        Args:
          report: [Reported]: one for each objective of the detector.
          targets: Targets of the batch that the network saw.

        Returns:
          {name: float32 scalar}, which are summed over the replicas.
        """
        del report, targets
        return {}

    def observe(self, sums):
        """Learns from `measured`, summed over the replicas; every one calls it."""


def groups_of(rows, size):
    """[n * size, ...] -> [n, size, ...]."""
    shape = tf.shape(rows)
    grouped = tf.reshape(rows, tf.concat([[shape[0] // size, size], shape[1:]], axis=0))
    return tf.ensure_shape(grouped, [None, size, *rows.shape[1:]])


def boxes_joined(groups):
    """[n, size, G, ...] -> [n, size * G, ...]: the boxes of all images of a group."""
    shape, known = tf.shape(groups), groups.shape
    count = known[1] * shape[2]
    joined = tf.reshape(groups, tf.concat([shape[:1], [count], shape[3:]], axis=0))
    boxes = None if known[2] is None else known[1] * known[2]
    return tf.ensure_shape(joined, [None, boxes, *known[3:]])
