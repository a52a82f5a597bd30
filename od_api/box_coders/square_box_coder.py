"""A box code of three numbers, for objects that are about square (faces)."""

import math

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import prior_boxes
from od_api.protos import square_box_coder_pb2

# Keeps the codes of padding and of point anchors finite; far below a pixel.
EPSILON = 1e-8
# Of tl in `decode`, as in `faster_rcnn_box_coder`.
LARGEST_LOG = 20.0


@register(square_box_coder_pb2.SquareBoxCoder)
class SquareBoxCoder:
    """A box as its centre and the side of the square of its area.

    With centres (yc, xc), sides l = sqrt(h * w) and the anchor's marked a, the code is
      ty = y_scale * (yc - yc_a) / l_a        tx = x_scale * (xc - xc_a) / l_a
      tl = length_scale * log(l / l_a)
    Decoding gives a square: the aspect ratio is lost. Source: the old API.

    All of it is measured in heights and widths of the image where they are known, as
    the old API's SSD did: a "square" of an H x W image is H/W times as high as wide.

    Args:
      y_scale, x_scale, length_scale: see above, each above 0.
      image_shape: (H, W) of the padded network input; the detector gives it where all
        images have one size. None measures in pixels.

    Attributes:
      code_size: 3.
      of_one_size: codes mean something for images of `image_shape` alone.
    """

    code_size = 3
    of_one_size = True

    def __init__(
        self, *, y_scale=10.0, x_scale=10.0, length_scale=5.0, image_shape=None
    ):
        ranges.above("y_scale", y_scale)
        ranges.above("x_scale", x_scale)
        ranges.above("length_scale", length_scale)
        height, width = image_shape or (1, 1)
        # Height and width, in pixels, of what counts as a square of area 1.
        self._tall, self._wide = math.sqrt(height / width), math.sqrt(width / height)
        self.scales = [y_scale / self._tall, x_scale / self._wide, length_scale]

    def encode(self, boxes, anchors):
        """[..., 4] boxes, Priors or anchors [..., 4] -> [..., 3] codes, float32."""
        y, x, length = _center_length(boxes)
        ya, xa, length_a = _center_length(prior_boxes(anchors))
        length_a += EPSILON
        code = [
            (y - ya) / length_a,
            (x - xa) / length_a,
            tf.math.log((length + EPSILON) / length_a),
        ]
        return tf.stack(code, axis=-1) * self.scales

    def decode(self, codes, anchors):
        """[..., 3] codes, Priors or anchors [..., 4] -> [..., 4] boxes, float32."""
        code = tf.cast(codes, tf.float32) / self.scales
        ty, tx, tl = tf.unstack(code, axis=-1)
        ya, xa, length_a = _center_length(prior_boxes(anchors))
        length = tf.exp(tf.minimum(tl, LARGEST_LOG)) * length_a
        return geometry.from_center_size(
            ty * length_a + ya,
            tx * length_a + xa,
            length * self._tall,
            length * self._wide,
        )


def _center_length(boxes):
    y, x, height, width = geometry.center_size(tf.cast(boxes, tf.float32))
    return y, x, tf.sqrt(height * width)
