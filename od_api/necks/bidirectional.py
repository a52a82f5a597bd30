"""Bidirectional network of LRF-Net (Wang et al., ICCV 2019)."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import fused_batch_norm
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.upsampling import EnlargeLike
from od_api.necks._neck_above import NeckAbove
from od_api.protos import neck_pb2


@register(neck_pb2.Bidirectional)
class Bidirectional(NeckAbove):
    """Lets maps of another neck flow up step by step, then down all at once.

    Up: f_k = phi_k(o_k + w f_{k-1}), where o_k is the other neck's map, w a 3x3
    convolution of stride 2 with normaliser, and phi an activation, a 3x3 convolution
    and a normaliser. Down: b_k = gamma_k(cat(W_k f_k, W_mk cat of the enlarged W_i f_i
    of all coarser i)): W_k and W_mk are 1x1 convolutions to half of the level's depth,
    W_i ones to `projection_depth`, the same below every level, enlarged bilinearly, and
    gamma a 3x3 convolution, each with normaliser and activation. The coarsest level is
    gamma(W f). Names, depths and strides stay. The product of o with the maps of a
    shallow network is `light_scratch`. Source: Wang et al., Learning Rich Features at
    High-Speed for Single-Shot Object Detection, ICCV 2019, section 3.2.

    Args:
      neck: the other neck, e.g. ssd_feature_maps.
      projection_depth: channels of each coarser level on its way down.
      conv_hyperparams: a `ConvHyperparams`.
      freeze_batch_norm: this neck's batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        neck=None,
        projection_depth=128,
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        ranges.at_least("projection_depth", projection_depth, 1, ranges.MOST_CHANNELS)
        super().__init__("bidirectional", neck)
        self._projection_depth = projection_depth
        self._make = conv_hyperparams or ConvHyperparams()
        self._freeze = freeze_batch_norm
        self._parts = {}
        self._enlarge = EnlargeLike(None, name="enlarge")

    def made_of(self, maps):
        """MapSpecs of the other neck -> the same.

        Raises:
          ValueError: one map alone, or one that is not half of the one before.
        """
        strides = list(maps.strides.values())
        if len(strides) < 2 or strides != [
            strides[0] * 2**i for i in range(len(strides))
        ]:
            raise ValueError(
                f"maps of strides {strides}: it takes two or more, each of twice the "
                "stride of the one before"
            )
        return maps

    def build_above(self, maps):
        """Creates the convolutions of both ways."""
        levels = list(maps.levels)
        for i, level in enumerate(levels):
            depth, coarser = maps.channels[level], len(levels) - 1 - i
            half = max(depth // 2, 1)
            if i:
                below = maps.channels[levels[i - 1]]
                self._add(f"{level}_halve", self._bare(depth, 2), below)
                project = self._make.conv_block(self._projection_depth, 1, name="block")
                self._add(f"{level}_project", [project], depth)
            activation = self._make.activation_layer(name="activation")
            self._add(f"{level}_up", [activation, *self._bare(depth)], depth)
            own = self._make.conv_block(half, 1, name="block")
            self._add(f"{level}_own", [own], depth)
            if coarser:
                joined = self._make.conv_block(half, 1, name="block")
                self._add(f"{level}_above", [joined], coarser * self._projection_depth)
            merge = self._make.conv_block(depth, 3, name="block")
            self._add(f"{level}_merge", [merge], 2 * half if coarser else half)
        if self._freeze:
            for part in self._parts.values():
                fused_batch_norm.freeze_batch_norm(part)

    def _bare(self, depth, strides=1):
        conv = self._make.conv2d(depth, 3, name="conv", strides=strides)
        return [conv, self._make.norm_layer(depth, name="norm")]

    def _add(self, name, steps, depth):
        self._parts[name] = Chain(steps, name=name)
        self._parts[name].build((None, None, None, depth))

    def changed(self, maps):
        """{level: [B, h, w, C]} -> the same, after both ways."""
        up = self._up(maps)
        levels, down = list(maps), {}
        projected = {
            level: self._parts[f"{level}_project"](up[level]) for level in levels[1:]
        }
        for i, level in enumerate(levels):
            parts = [self._parts[f"{level}_own"](up[level])]
            above = [self._enlarge([projected[n], up[level]]) for n in levels[i + 1 :]]
            if above:
                joined = tf.concat(above, axis=-1)
                parts.append(self._parts[f"{level}_above"](joined))
            down[level] = self._parts[f"{level}_merge"](tf.concat(parts, axis=-1))
        return down

    def _up(self, maps):
        made, below = {}, None
        for level, x in maps.items():
            if below is not None:
                x = x + self._parts[f"{level}_halve"](below)
            below = made[level] = self._parts[f"{level}_up"](x)
        return made
