"""Feature pyramid network as its paper has it (Lin et al., CVPR 2017)."""

from od_api.core.registry import register
from od_api.necks._pyramid import LateralPyramid, top_down
from od_api.protos import neck_pb2


@register(neck_pb2.TopDownFpn)
class TopDownFpn(LateralPyramid):
    """Hands sums down before they are smoothed, and smooths every level, the top too.

    Lateral 1x1 and smoothing 3x3 convolutions have a bias and nothing else. P6 and up
    take every second cell of the level before. What `fpn` does otherwise is the old
    API's way. Source: Lin et al., Feature Pyramid Networks, CVPR 2017, section 3.

    Args:
      min_level: finest level; level l has stride 2^l and reads stage C<l>, 2 <= l <= 5.
      max_level: coarsest level, at least `min_level`.
      depth: channels of every level.
      post_conv_recursion: what goes down is the smoothed map, not the sum.
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(
        self,
        *,
        min_level=2,
        max_level=6,
        depth=256,
        post_conv_recursion=False,
        conv_hyperparams=None,
    ):
        super().__init__("top_down_fpn", min_level, max_level, depth, conv_hyperparams)
        self._smooth = self.convolutions("smooth", 3)
        self._post_conv_recursion = post_conv_recursion

    def build_mixing(self, feature_shapes, shape):
        """Creates the smoothing convolutions, of laterals of that shape."""
        for conv in self._smooth.values():
            conv.build(shape)

    def mixed(self, laterals, features):
        """{level: [B, h, w, depth]} of the laterals -> of the levels."""
        return top_down(laterals, self._smooth, self._post_conv_recursion)
