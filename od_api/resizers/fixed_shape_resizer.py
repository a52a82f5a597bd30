"""Every image to one height and width; its proportions change."""

import tensorflow as tf

from od_api.core import ranges, resampling
from od_api.core.registry import register
from od_api.protos import image_resizer_pb2


@register(image_resizer_pb2.FixedShapeResizer)
class FixedShapeResizer:
    """Image [..., h, w, 3] -> (float32 [..., height, width, 3], true shape int32 [2]).

    Attributes:
      output_shape: (H, W).
      by_proportions: the size depends on nothing but an image's proportions.
    """

    by_proportions = True

    def __init__(
        self,
        *,
        height=300,
        width=300,
        resize_method="BILINEAR",
        convert_to_grayscale=False,
    ):
        ranges.at_least("height", height, 1, ranges.LONGEST_SIDE)
        ranges.at_least("width", width, 1, ranges.LONGEST_SIDE)
        resampling.check_method(resize_method)
        self.output_shape = (height, width)
        self._method = resize_method
        self._gray = convert_to_grayscale

    def __call__(self, image):
        image = resampling.resample(image, self.output_shape, self._method)
        if self._gray:
            image = resampling.to_gray(image)
        resampling.set_sizes(image, self.output_shape)
        return image, tf.constant(self.output_shape, tf.int32)

    def masks(self, masks):
        """[G, h, w] -> [G, H, W], as the image goes."""
        return resampling.resample_masks(masks, self.output_shape)

    def size_of(self, shape):
        """int32 [..., 2] heights and widths of images -> the same after resizing."""
        return tf.broadcast_to(tf.constant(self.output_shape), tf.shape(shape))
