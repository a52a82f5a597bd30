"""Layers of functional networks that move channels: parts of them, and shuffling."""

import keras
import tensorflow as tf

from od_api.core.shapes import spatial_shape


@keras.saving.register_keras_serializable("od_api")
class ChannelPart(keras.layers.Layer):
    """Some of a map's channels.

    Args:
      start, stop: of the channels, as Python's slices count; None: to the end.
    """

    def __init__(self, start=0, stop=None, **settings):
        super().__init__(**settings)
        self._start, self._stop = start, stop

    def call(self, x):
        """[B, h, w, C] -> [B, h, w, stop - start]."""
        return x[..., self._start : self._stop]

    def compute_output_shape(self, shape):
        """That of the part."""
        return (*shape[:-1], len(range(shape[-1])[self._start : self._stop]))

    def get_config(self):
        """With start and stop."""
        return {**super().get_config(), "start": self._start, "stop": self._stop}


@keras.saving.register_keras_serializable("od_api")
class ChannelShuffle(keras.layers.Layer):
    """Takes the first channel of each group, then the second of each, and so on.

    Source: Zhang et al., ShuffleNet, CVPR 2018, figure 1.

    Args:
      groups: of neighbouring channels; a divisor of their number.
    """

    def __init__(self, groups=2, **settings):
        super().__init__(**settings)
        self._groups = groups

    def call(self, x):
        """[B, h, w, C] -> the same, its channels 0..5 in 2 groups as 0 3 1 4 2 5."""
        height, width = spatial_shape(x)
        channels = x.shape[-1]
        x = tf.reshape(x, [-1, height, width, self._groups, channels // self._groups])
        x = tf.transpose(x, [0, 1, 2, 4, 3])
        return tf.reshape(x, [-1, height, width, channels])

    def compute_output_shape(self, shape):
        """The same."""
        return shape

    def get_config(self):
        """With the groups."""
        return {**super().get_config(), "groups": self._groups}
