"""The box code of Faster R-CNN, which the study uses throughout."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import prior_boxes
from od_api.protos import faster_rcnn_box_coder_pb2

# Keeps the codes of padding and of point anchors finite; far below a pixel.
EPSILON = 1e-8
# Of th and tw in `decode`: boxes half a billion times their anchor are far beyond every
# image, and their areas are still numbers, which losses of boxes need.
LARGEST_LOG = 20.0


@register(faster_rcnn_box_coder_pb2.FasterRcnnBoxCoder)
class FasterRcnnBoxCoder:
    """A box as its centre and size relative to an anchor.

    With centres (yc, xc), sizes (h, w) and the anchor's marked a, the code is
      ty = y_scale * (yc - yc_a) / h_a        tx = x_scale * (xc - xc_a) / w_a
      th = height_scale * log(h / h_a)        tw = width_scale * log(w / w_a)
    Source: Ren et al., Faster R-CNN, NIPS 2015, equation 2; the scales are those of
    Huang et al., CVPR 2017.

    Attributes:
      code_size: 4.
    """

    code_size = 4

    def __init__(
        self, *, y_scale=10.0, x_scale=10.0, height_scale=5.0, width_scale=5.0
    ):
        self.scales = [
            ranges.above("y_scale", y_scale),
            ranges.above("x_scale", x_scale),
            ranges.above("height_scale", height_scale),
            ranges.above("width_scale", width_scale),
        ]

    def encode(self, boxes, anchors):
        """[..., 4] boxes, Priors or anchors [..., 4] -> [..., 4] codes, float32."""
        y, x, h, w = geometry.center_size(tf.cast(boxes, tf.float32))
        ya, xa, ha, wa = geometry.center_size(prior_boxes(anchors))
        ha, wa = ha + EPSILON, wa + EPSILON
        code = [
            (y - ya) / ha,
            (x - xa) / wa,
            tf.math.log((h + EPSILON) / ha),
            tf.math.log((w + EPSILON) / wa),
        ]
        return tf.stack(code, axis=-1) * self.scales

    def decode(self, codes, anchors):
        """[..., 4] codes, Priors or anchors [..., 4] -> [..., 4] boxes, float32."""
        code = tf.cast(codes, tf.float32) / self.scales
        ty, tx, th, tw = tf.unstack(code, axis=-1)
        th, tw = (tf.minimum(x, LARGEST_LOG) for x in (th, tw))
        ya, xa, ha, wa = geometry.center_size(prior_boxes(anchors))
        return geometry.from_center_size(
            ty * ha + ya, tx * wa + xa, tf.exp(th) * ha, tf.exp(tw) * wa
        )
