"""A box code of plain corner differences."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import prior_boxes
from od_api.protos import mean_stddev_box_coder_pb2


@register(mean_stddev_box_coder_pb2.MeanStddevBoxCoder)
class MeanStddevBoxCoder:
    """The corners of a box minus those of its anchor, divided by a fixed deviation.

    Corners are measured in image heights and widths, not in pixels, so that `stddev`
    means what it meant in the old API. Source: Erhan et al., MultiBox, CVPR 2014.

    Args:
      stddev: fraction of the image that makes a code of 1, above 0.
      image_shape: (H, W) of the padded network input; the detector gives it where all
        images have one size. (1, 1) measures in the unit of the boxes.

    Attributes:
      code_size: 4.
      of_one_size: codes mean something for images of `image_shape` alone.
    """

    code_size = 4
    of_one_size = True

    def __init__(self, *, stddev=0.01, image_shape=None):
        ranges.above("stddev", stddev)
        if image_shape is None:
            raise ValueError(
                "the code is measured in image heights and widths, so all images need "
                "one known size: use fixed_shape_resizer, or another box coder"
            )
        height, width = image_shape
        self.unit = [stddev * side for side in (height, width, height, width)]

    def encode(self, boxes, anchors):
        """[..., 4] boxes, Priors or anchors [..., 4] -> [..., 4] codes, float32."""
        return (tf.cast(boxes, tf.float32) - prior_boxes(anchors)) / self.unit

    def decode(self, codes, anchors):
        """[..., 4] codes, Priors or anchors [..., 4] -> [..., 4] boxes, float32."""
        return tf.cast(codes, tf.float32) * self.unit + prior_boxes(anchors)
