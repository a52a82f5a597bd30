"""Dropout whose random state has a stable name."""

import keras


class Dropout(keras.layers.Layer):
    """Zeroes inputs while training, and scales the rest up (Srivastava et al., 2014).

    Keras' own layer numbers its random state by how many were made before in the
    process, which a checkpoint that goes by paths could not find again. Here the state
    is `<layer>/seed/seed_generator_state`, so that training resumes with the same
    numbers.

    Args:
      rate: share of the inputs that become 0, in 0..1 without 1.
      name: of the layer.
    """

    def __init__(self, rate, *, name):
        super().__init__(name=name)
        self.rate = rate

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
        return keras.random.dropout(inputs, self.rate, seed=self.seed)
