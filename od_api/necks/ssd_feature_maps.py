"""SSD's feature maps: stages of the backbone, then ever coarser maps of its own."""

import keras

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import MapSpecs
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.depth import check_depths, scaled_depth
from od_api.layers.l2_normalization import L2Normalization
from od_api.layers.map_source import MapSource
from od_api.protos import neck_pb2


@register(neck_pb2.SsdFeatureMaps)
class SsdFeatureMaps(MapSource):
    """Appends maps that each halve the one before (Liu et al., ECCV 2016).

    An appended map E1, E2, .. is a 1x1 convolution to half its depth and a 3x3 one with
    stride 2, each with normaliser and activation.

    Args:
      levels: stages of the backbone that are used as they are, finest first.
      extra_depths: depth of each appended map, before multiplying.
      depth_multiplier: factor on these depths.
      min_depth: least depth of a convolution after multiplying.
      use_depthwise: the 3x3 convolution becomes a depthwise one and a 1x1 one, each
        with normaliser and activation.
      use_explicit_padding: the 3x3 convolution gets one zero on every side, where
        "same" gives an even map one at its end only; sizes are equal.
      conv_hyperparams: a `ConvHyperparams` for the appended convolutions.
      l2_normalized_levels: those of `levels` that the head reads L2-normalised; what
        is appended goes on from the map as it is.
      l2_scale: initial scale of the normalised vectors.
      extra_kernels: sizes of the convolutions that halve, one an appended map, for
        chips whose kernels may not exceed the map; empty: 3.
    """

    def __init__(
        self,
        *,
        levels=(),
        extra_depths=(),
        depth_multiplier=1.0,
        min_depth=16,
        use_depthwise=False,
        use_explicit_padding=False,
        conv_hyperparams=None,
        l2_normalized_levels=(),
        l2_scale=20.0,
        extra_kernels=(),
    ):
        super().__init__(name="ssd_feature_maps")
        if not levels:
            raise ValueError('levels is empty; SSD on MobileNet v1 has "C4", "C5"')
        check_depths(depth_multiplier, min_depth)
        ranges.at_least("extra_depths", extra_depths, 1, ranges.MOST_CHANNELS)
        ranges.above("l2_scale", l2_scale)
        self._levels = tuple(levels)
        _check_among("l2_normalized_levels", l2_normalized_levels, self._levels)
        self._l2 = {
            name: L2Normalization(l2_scale, name=f"{name}_l2_normalization")
            for name in l2_normalized_levels
        }
        self._make = conv_hyperparams or ConvHyperparams()
        self._extras, self._extra_channels = {}, {}
        kernels = _kernels(extra_kernels, extra_depths, use_explicit_padding)
        for i, depth in enumerate(extra_depths):
            half = scaled_depth(depth / 2, depth_multiplier, min_depth)
            full = scaled_depth(depth, depth_multiplier, min_depth)
            reduce = self._make.conv_block(half, 1, name="reduce")
            padding = (use_depthwise, use_explicit_padding)
            halve = self._halve(half, full, kernels[i], *padding)
            name = f"E{i + 1}"
            self._extras[name] = Chain([reduce, *halve], name=name)
            self._extra_channels[name] = full

    def _halve(self, depth_in, depth_out, kernel, use_depthwise, use_explicit_padding):
        if not use_depthwise:
            return [
                self._make.conv_block(
                    depth_out,
                    kernel,
                    name="halve",
                    strides=2,
                    use_explicit_padding=use_explicit_padding,
                )
            ]
        pad = None
        if use_explicit_padding and kernel > 1:
            pad = keras.layers.ZeroPadding2D((kernel - 1) // 2, name="pad")
        depthwise = [
            pad,
            self._make.depthwise_conv2d(
                kernel, name="conv", strides=2, padding="valid" if pad else "same"
            ),
            self._make.norm_layer(depth_in, name="norm"),
            self._make.activation_layer(name="activation"),
        ]
        return [
            Chain(depthwise, name="halve_depthwise"),
            self._make.conv_block(depth_out, 1, name="halve"),
        ]

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of its stages and of E1, E2, ..."""
        self._check(maps.strides)
        stages = maps.only(self._levels)
        last = stages.strides[self._levels[-1]]
        halved = {name: last * 2**i for i, name in enumerate(self._extras, start=1)}
        return MapSpecs(
            strides=stages.strides | halved,
            channels=stages.channels | dict(self._extra_channels),
        )

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        self._check(feature_shapes)
        for name, normalization in self._l2.items():
            normalization.build(feature_shapes[name])
        shape = feature_shapes[self._levels[-1]]
        for chain in self._extras.values():
            chain.build(shape)
            shape = chain.compute_output_shape(shape)

    def _check(self, features):
        missing = [name for name in self._levels if name not in features]
        if missing:
            raise ValueError(
                f"levels: the backbone has no {missing[0]}, but {', '.join(features)}"
            )

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {level: [B, h, w, C]}, finest first."""
        maps = {name: features[name] for name in self._levels}
        last = maps[self._levels[-1]]
        for name, chain in self._extras.items():
            last = maps[name] = chain(last)
        for name, normalization in self._l2.items():
            maps[name] = normalization(maps[name])
        return maps


def _check_among(field, names, levels):
    """Raises ValueError where one of the names is no level."""
    unknown = [name for name in names if name not in levels]
    if unknown:
        raise ValueError(
            f"{field}: {unknown[0]} is not among the levels, {', '.join(levels)}"
        )


def _kernels(kernels, depths, explicit_padding):
    """The kernel of each appended map.

    Raises:
      ValueError: not one for each, or an even one that zeros would be around.
    """
    if not kernels:
        return [3] * len(depths)
    ranges.between("extra_kernels", kernels, 1, ranges.MOST_CELLS)
    if len(kernels) != len(depths):
        raise ValueError(
            f"extra_kernels are {len(kernels)} and extra_depths {len(depths)}: one for "
            "each, or none"
        )
    if explicit_padding and any(kernel % 2 == 0 for kernel in kernels):
        raise ValueError("use_explicit_padding needs extra_kernels of odd sizes")
    return list(kernels)
