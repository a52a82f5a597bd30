"""The second stage of a feature pyramid's Faster R-CNN: two dense layers."""

import keras

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.protos import region_network_pb2


@register(region_network_pb2.FullyConnectedRegions)
class FullyConnectedRegions(keras.layers.Layer):
    """Two dense layers with ReLU on each crop (Lin et al., CVPR 2017, section 5.2).

    As in the old API a normaliser, where `conv_hyperparams` has one, stands between
    them.

    Args:
      conv_hyperparams: a `ConvHyperparams`; only its normaliser is used.
      freeze_batch_norm: the normaliser keeps its statistics, scale and offset.
      depth: of both layers.
    """

    def __init__(self, *, conv_hyperparams=None, freeze_batch_norm=False, depth=1024):
        super().__init__(name="fully_connected_regions")
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        make = conv_hyperparams or ConvHyperparams()
        self._first = keras.layers.Dense(depth, activation="relu", name="first")
        self._norm = make.norm_layer(depth, name="norm")
        if self._norm is not None and freeze_batch_norm:
            self._norm.trainable = False
        self._second = keras.layers.Dense(depth, activation="relu", name="second")
        self._depth = depth

    def build(self, shape):
        """Creates the variables, for crops [M, h, w, C] of known size."""
        _, height, width, channels = shape
        self._first.build((None, height * width * channels))
        if self._norm is not None:
            self._norm.build((None, self._depth))
        self._second.build((None, self._depth))

    def compute_output_shape(self, shape):
        """[M, h, w, C] -> [M, 1, 1, depth]."""
        return (shape[0], 1, 1, self._depth)

    def call(self, crops, training=False):
        """[M, h, w, C] -> [M, 1, 1, depth]."""
        size = crops.shape[1] * crops.shape[2] * crops.shape[3]
        hidden = self._first(keras.ops.reshape(crops, (-1, size)))
        if self._norm is not None:
            hidden = self._norm(hidden, training=training)
        return self._second(hidden)[:, None, None]
