"""Feature pyramid from the bottom up, of MFPN (Liang et al., 2019)."""

import keras

from od_api.core.registry import register
from od_api.layers.upsampling import upsample_like
from od_api.necks._pyramid import LateralPyramid
from od_api.protos import neck_pb2


@register(neck_pb2.BottomUpFpn)
class BottomUpFpn(LateralPyramid):
    """Hands smoothed maps up, so that coarse levels see what fine ones do.

    F_i = W_i * (D(F_{i-1}) + C_i + U(C_{i+1})): C are the laterals, D a max pool of 2x2
    cells, U doubling by nearest neighbour and W a 3x3 convolution; the finest level has
    no D and the coarsest no U. Convolutions have a bias and nothing else. P6 and up
    take every second cell of the level before. Source: Liang et al., MFPN: A Novel
    Mixture Feature Pyramid Network, 2019, section 3.

    Args:
      min_level: finest level; level l has stride 2^l and reads stage C<l>, 2 <= l <= 5.
      max_level: coarsest level, at least `min_level`.
      depth: channels of every level.
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(self, *, min_level=2, max_level=6, depth=256, conv_hyperparams=None):
        super().__init__("bottom_up_fpn", min_level, max_level, depth, conv_hyperparams)
        self._smooth = self.convolutions("smooth", 3)
        self._halve = keras.layers.MaxPooling2D(2, padding="same", name="halve")

    def build_mixing(self, feature_shapes, shape):
        """Creates the smoothing convolutions, of laterals of that shape."""
        for conv in self._smooth.values():
            conv.build(shape)

    def mixed(self, laterals, features):
        """{level: [B, h, w, depth]} of the laterals -> of the levels."""
        return bottom_up(laterals, self._smooth, self._halve)


def bottom_up(laterals, smooth, halve):
    """{level: map}, finest first -> the same by the equation of `BottomUpFpn`.

    Args:
      laterals: {level: [B, h, w, C]}, each half of the one before.
      smooth: {level: layer} behind each sum.
      halve: a layer.
    """
    levels, maps = list(laterals), {}
    for below, level, above in zip(
        [None, *levels[:-1]], levels, [*levels[1:], None], strict=True
    ):
        total = laterals[level]
        if below is not None:
            total += halve(maps[below])
        if above is not None:
            total += upsample_like(laterals[above], laterals[level])
        maps[level] = smooth[level](total)
    return maps
