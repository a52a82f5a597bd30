"""Adaptively spatial feature fusion (Liu et al., arXiv 1911.09516)."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.shapes import spatial_shape
from od_api.layers import fused_batch_norm
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.necks._neck_above import NeckAbove
from od_api.protos import neck_pb2


@register(neck_pb2.Asff)
class Asff(NeckAbove):
    """Every level adds up all of them, by weights that each of its cells has.

    To a level others come of its depth and size: coarser ones by a 1x1 convolution and
    nearest neighbour, the next finer one by a 3x3 convolution of stride 2, and finer
    ones by 3x3 max pools of stride 2 before it. Each of them says by a 1x1 convolution
    of few channels what it has, and another 1x1 convolution of all of these makes a
    number for each; a softmax makes weights of them, which sum to 1 in every cell. A
    3x3 convolution is behind the sum. All convolutions have normaliser and activation,
    except the one of the numbers. Source: Liu et al., Learning Spatial Fusion for
    Single-Shot Object Detection, 2019, section 3.2.

    Args:
      neck: another neck, whose levels are fused.
      levels: those that are fused, each the half of the one before; others stay as
        they are; empty: all.
      weight_channels: of the convolution for weights of each map; with
        receptive-field blocks the authors have 8.
      conv_hyperparams: a `ConvHyperparams`.
      freeze_batch_norm: this neck's batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        neck=None,
        levels=(),
        weight_channels=16,
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        ranges.at_least("weight_channels", weight_channels, 1, ranges.MOST_CHANNELS)
        super().__init__("asff", neck)
        self._fused = tuple(levels)
        self._weight_channels = weight_channels
        self._make = conv_hyperparams or ConvHyperparams()
        self._freeze = freeze_batch_norm
        self._into, self._says, self._weigh, self._expand = {}, {}, {}, {}

    def made_of(self, maps):
        """MapSpecs of the other neck -> the same.

        Raises:
          ValueError: a level is not there, one alone, or one that is not half of the
            one before.
        """
        self._fused = self._fused or maps.levels
        strides = list(maps.only(self._fused).strides.values())
        doubled = [strides[0] * 2**i for i in range(len(strides))]
        if len(strides) < 2 or strides != doubled:
            raise ValueError(
                f"levels of strides {strides}: name two or more, finest first, each of "
                "twice the stride of the one before"
            )
        return maps

    def build_above(self, maps):
        """Creates the convolutions of every pair of levels."""
        for target, level in enumerate(self._fused):
            depth = maps.channels[level]
            shape = (None, None, None, depth)
            for source, other in enumerate(self._fused):
                key = f"{other}_to_{level}"
                if source != target:
                    self._into[key] = self._resizing(depth, source - target, key)
                    self._into[key].build((None, None, None, maps.channels[other]))
                self._says[key] = self._make.conv_block(
                    self._weight_channels, 1, name=f"{key}_says"
                )
                self._says[key].build(shape)
            count = len(self._fused)
            self._weigh[level] = self._make.conv2d(
                count, 1, name=f"{level}_weights", use_bias=True
            )
            self._weigh[level].build((None, None, None, count * self._weight_channels))
            self._expand[level] = self._make.conv_block(
                depth, 3, name=f"{level}_expand"
            )
            self._expand[level].build(shape)
        if self._freeze:
            for part in (self._into, self._says, self._expand):
                for layer in part.values():
                    fused_batch_norm.freeze_batch_norm(layer)

    def _resizing(self, depth, doublings, name):
        """What brings a map to a level's depth and, below 0, to its size."""
        if doublings > 0:
            return self._make.conv_block(depth, 1, name=name)
        pools = [
            keras.layers.MaxPooling2D(3, 2, padding="same", name=f"pool_{i}")
            for i in range(-doublings - 1)
        ]
        conv = self._make.conv_block(depth, 3, name="conv", strides=2)
        return Chain([*pools, conv], name=name)

    def changed(self, maps):
        """{level: [B, h, w, C]} -> the fused ones of them."""
        return {
            level: self._fuse(maps, target, level)
            for target, level in enumerate(self._fused)
        }

    def _fuse(self, maps, target, level):
        height, width = spatial_shape(maps[level])
        read, says = [], []
        for source, other in enumerate(self._fused):
            key = f"{other}_to_{level}"
            x = maps[other]
            if source != target:
                x = self._into[key](x)
            for axis in (1, 2) if source > target else ():
                x = tf.repeat(x, 2 ** (source - target), axis=axis)
            read.append(x[:, :height, :width])
            says.append(self._says[key](read[-1]))
        logits = tf.cast(self._weigh[level](tf.concat(says, axis=-1)), tf.float32)
        weights = tf.cast(tf.nn.softmax(logits), read[0].dtype)
        total = tf.add_n([x * weights[..., i, None] for i, x in enumerate(read)])
        return self._expand[level](total)
