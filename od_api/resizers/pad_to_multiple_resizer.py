"""Zeros below and to the right, up to a multiple; pixels stay as they are."""

import tensorflow as tf

from od_api.core import ranges, resampling
from od_api.core.registry import register
from od_api.protos import image_resizer_pb2


@register(image_resizer_pb2.PadToMultipleResizer)
class PadToMultipleResizer:
    """Image [..., h, w, 3] -> (float32 [..., H, W, 3], true shape int32 [2] = h, w).

    H and W are the smallest multiples of `multiple` that hold the image.

    Attributes:
      output_shape: None, sizes differ.
    """

    output_shape = None

    def __init__(self, *, multiple=1, convert_to_grayscale=False):
        ranges.at_least("multiple", multiple, 1, ranges.LONGEST_SIDE)
        self._multiple = multiple
        self._gray = convert_to_grayscale

    def __call__(self, image):
        image = tf.cast(image, tf.float32)
        shape = tf.shape(image)[-3:-1]
        image = resampling.pad_to(image, self._padded(shape))
        if self._gray:
            image = resampling.to_gray(image)
        resampling.set_sizes(image, (None, None))
        return image, shape

    def masks(self, masks):
        """[G, h, w] -> [G, H, W], as the image goes."""
        return resampling.pad_masks_to(masks, self._padded(tf.shape(masks)[1:]))

    def _padded(self, shape):
        return -(-shape // self._multiple) * self._multiple
