"""HRNet's pyramid V2p: all maps in one, and its means (Wang et al., TPAMI 2020)."""

import keras

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import MapSpecs
from od_api.layers.map_source import MapSource
from od_api.layers.upsampling import EnlargeLike
from od_api.necks._pyramid import bare
from od_api.protos import neck_pb2

MOST_LEVELS = 10


@register(neck_pb2.Hrfpn)
class Hrfpn(MapSource):
    """Maps of all stages at the finest one's size, mixed, and means of the mixture.

    The stages, enlarged by bilinear interpolation and concatenated, go through a 1x1
    convolution: the paper's V2. Means of 2x2, 4x4, ... cells of it are the coarser
    levels, and a 3x3 convolution is behind each (V2p). Convolutions have a bias and
    nothing else. Levels are P2, P3, ... if the finest stage has the stride 4.

    Args:
      num_levels: of the pyramid; 1: V2 alone, with its 3x3 convolution.
      depth: channels of every level.
      upsampling: "bilinear" or "nearest".
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(
        self,
        *,
        num_levels=5,
        depth=256,
        upsampling="bilinear",
        conv_hyperparams=None,
    ):
        super().__init__(name="hrfpn")
        ranges.between("num_levels", num_levels, 1, MOST_LEVELS)
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        if upsampling not in ("bilinear", "nearest"):
            raise ValueError(f"upsampling is {upsampling!r}: take bilinear or nearest")
        make = bare(conv_hyperparams)
        self._depth, self._num_levels = depth, num_levels
        self._upsampling = upsampling
        self._mix = make.conv2d(depth, 1, name="mix", use_bias=True)
        self._smooth = [
            make.conv2d(depth, 3, name=f"smooth_{i}", use_bias=True)
            for i in range(num_levels)
        ]
        self._pools = [
            keras.layers.AveragePooling2D(2**i, padding="same", name=f"pool_{i}")
            for i in range(1, num_levels)
        ]
        self._enlarge = {}

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of P2, P3, ...

        Raises:
          ValueError: strides that are no powers of 2, or no multiples of the finest.
        """
        strides = list(maps.strides.values())
        finest = strides[0]
        if any(s & (s - 1) or s % finest for s in strides):
            raise ValueError(f"strides {strides} are no doubles of the first, {finest}")
        self._enlarge = {
            stage: EnlargeLike(stride // finest, self._upsampling, name=f"from_{stage}")
            for stage, stride in maps.strides.items()
            if stride > finest
        }
        first = finest.bit_length() - 1
        names = [f"P{first + i}" for i in range(self._num_levels)]
        return MapSpecs(
            strides={name: finest * 2**i for i, name in enumerate(names)},
            channels=dict.fromkeys(names, self._depth),
        )

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        channels = sum(shape[-1] for shape in feature_shapes.values())
        self._mix.build((None, None, None, channels))
        for conv in self._smooth:
            conv.build((None, None, None, self._depth))

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {"P2": [B, h, w, depth], ...}, finest first."""
        maps = list(features.values())
        maps = [maps[0]] + [
            self._enlarge[stage]([x, maps[0]]) if stage in self._enlarge else x
            for stage, x in list(features.items())[1:]
        ]
        mixed = self._mix(keras.ops.concatenate(maps, axis=-1))
        means = [mixed, *(pool(mixed) for pool in self._pools)]
        return {
            level: conv(x)
            for level, conv, x in zip(self.levels, self._smooth, means, strict=True)
        }
