"""Regions read from all levels, fused by weights that are learnt."""

import copy

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.protos import region_operator_pb2
from od_api.region_operators.roi_align import RoiAlign


@register(region_operator_pb2.SoftLevels)
class SoftLevels:
    """Reads every region from all maps, and adds up what they say, cell by cell.

    The crops of all maps side by side go through a 1x1 convolution with ReLU and a 3x3
    one to a weight for each map and cell, a sigmoid's: they need not sum to 1. Source:
    Guo et al., AugFPN, CVPR 2020, section 3.4, with the fusion of section 3.3.

    Args:
      region_operator: reads one map; unset: roi_align. Its rule of levels has no part.
      depth: channels of the first convolution.
      conv_hyperparams: a `ConvHyperparams`; kernels' initialiser and regulariser.

    Attributes:
      layer: what has the weights, a part of the detector.
    """

    def __init__(self, *, region_operator=None, depth=256, conv_hyperparams=None):
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        self._operator = region_operator or RoiAlign()
        if not hasattr(self._operator, "crop"):
            raise ValueError(
                "region_operator reads all maps itself: give one that reads one map"
            )
        self._make = conv_hyperparams or ConvHyperparams()
        self._depth = depth
        self.layer = None

    def build(self, maps):
        """Creates the variables, for regions of those maps (MapSpecs)."""
        if self.layer is not None:
            return
        levels = len(maps.levels)
        self.layer = Chain(
            [
                self._make.conv2d(self._depth, 1, name="reduce", use_bias=True),
                keras.layers.Activation("relu", name="activation"),
                self._make.conv2d(levels, 3, name="weights", use_bias=True),
            ],
            name="soft_levels",
        )
        self.layer.build((None, None, None, sum(maps.channels.values())))

    def of_one_map(self):
        """What reads one map, as this reads several: no weights."""
        return self._operator

    def static(self):
        """The same operator, with the same weights, in the form that XLA compiles."""
        other = copy.copy(self)
        other._operator = self._operator.static()
        return other

    def __call__(self, maps, priors, image_shape, size):
        """What all maps have at each region.

        Args:
          maps: {level: [B, h, w, C]}, of equal depth.
          priors: Priors or boxes [B, P, 4], in pixels of the padded input.
          image_shape: (H, W) of the padded input.
          size: (ch, cw), ints.

        Returns:
          [B, P, ch, cw, C] of the maps' type.
        """
        crops = [
            self._operator({level: x}, priors, image_shape, size)
            for level, x in maps.items()
        ]
        joined = tf.concat(crops, axis=-1)
        count = tf.shape(joined)[0] * tf.shape(joined)[1]
        flat = tf.reshape(joined, [count, *joined.shape[2:]])
        # A convolution of no regions fails on a CPU: there is always one more.
        flat = tf.pad(flat, [[0, 1], [0, 0], [0, 0], [0, 0]])
        logits = self.layer(flat)[:-1]
        weights = tf.sigmoid(tf.cast(logits, tf.float32))
        shape = tf.concat([tf.shape(joined)[:-1], [len(crops)]], axis=0)
        weights = tf.cast(tf.reshape(weights, shape), crops[0].dtype)
        return tf.add_n([x * weights[..., i, None] for i, x in enumerate(crops)])
