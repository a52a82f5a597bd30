"""Dropout whose random state has a stable name."""

import keras
import tensorflow as tf


class Dropout(keras.layers.Layer):
    """Zeroes inputs while training, and scales the rest up (Srivastava et al., 2014).

    Keras' own layer numbers its random state by how many were made before in the
    process, which a checkpoint that goes by paths could not find again. Here the state
    is `<layer>/seed/seed_generator_state`, so that training resumes with the same
    numbers.

    Args:
      rate: share of the inputs that become 0, in 0..1 without 1.
      name: of the layer.
      whole_rows: each row of the batch becomes 0 as a whole, or none of it does: the
        stochastic depth of Huang et al. (ECCV 2016).
    """

    def __init__(self, rate, *, name, whole_rows=False):
        super().__init__(name=name)
        self.rate = rate
        self.whole_rows = whole_rows

    def build(self, shape):
        """Creates the random state."""
        self.seed = keras.random.SeedGenerator(name="seed")

    def compute_output_shape(self, shape):
        """The shape of the input."""
        return shape

    def call(self, inputs, training=False):
        """[...] -> [...]."""
        if not training or self.rate == 0:
            return inputs
        shape = None
        if self.whole_rows:
            shape = (tf.shape(inputs)[0], *[1] * (inputs.shape.rank - 1))
        return keras.random.dropout(inputs, self.rate, shape, seed=self.seed)
