"""Layers applied one after another, under one name."""

import keras


class Chain(keras.layers.Layer):
    """Applies its layers in order, e.g. convolution, batch norm, activation.

    Unlike `keras.Sequential` it has no graph of its own: the maps keep the shapes they
    are called with, and the variables are named `<chain>/<layer>/<variable>`.

    Args:
      layers: Keras layers; None entries are left out. A layer that stands in several
        chains is shared and belongs to the first one that is built.
      name: name of the chain, unique among its siblings.
    """

    def __init__(self, layers, *, name):
        super().__init__(name=name)
        self.steps = [layer for layer in layers if layer is not None]

    def build(self, shape):
        """Creates the variables of every layer, for an input of this shape."""
        for step in self.steps:
            if not step.built:
                step.build(shape)
            shape = step.compute_output_shape(shape)

    def compute_output_shape(self, shape):
        """Shape of the output for an input of this shape."""
        for step in self.steps:
            shape = step.compute_output_shape(shape)
        return shape

    def call(self, inputs, training=False):
        """[B, h, w, C] -> [B, h', w', C']."""
        for step in self.steps:
            inputs = step(inputs)
        return inputs
