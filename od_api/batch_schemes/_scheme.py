"""What a scheme does unless it says otherwise: nothing."""


class BatchScheme:
    """Changes batches of training, by the number of the batch and a seed alone.

    Attributes:
      factor: images that one of a batch is made of: a step reads so many times as many.
      static_shapes: all batches have one shape, as XLA needs it.
    """

    factor = 1
    static_shapes = True

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
