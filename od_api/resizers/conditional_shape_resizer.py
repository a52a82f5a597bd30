"""Shrinks images that are too large, or enlarges those that are too small."""

import tensorflow as tf

from od_api.core import ranges, resampling
from od_api.core.registry import register
from od_api.protos import image_resizer_pb2


@register(image_resizer_pb2.ConditionalShapeResizer)
class ConditionalShapeResizer:
    """Image [..., h, w, 3] -> (float32 [..., H, W, 3], true shape int32 [2]).

    Proportions are kept.

    GREATER: a long side above size_threshold becomes size_threshold. SMALLER: a short
    side below size_threshold becomes size_threshold. Other images keep their size.

    Attributes:
      output_shape: None, sizes differ.
    """

    output_shape = None

    def __init__(
        self,
        *,
        condition="GREATER",
        size_threshold=300,
        resize_method="BILINEAR",
        convert_to_grayscale=False,
    ):
        if condition not in ("GREATER", "SMALLER"):
            raise ValueError(f"condition must be GREATER or SMALLER, not {condition}")
        ranges.at_least("size_threshold", size_threshold, 1, ranges.LONGEST_SIDE)
        resampling.check_method(resize_method)
        self._condition = condition
        self._threshold = size_threshold
        self._method = resize_method
        self._gray = convert_to_grayscale

    def __call__(self, image):
        size = self.size_of(tf.shape(image)[-3:-1])
        # Unlike the other resizers, this one aligns corners in the old API.
        image = resampling.resample(image, size, self._method, align_corners=True)
        if self._gray:
            image = resampling.to_gray(image)
        resampling.set_sizes(image, (None, None))
        return image, size

    def masks(self, masks):
        """[G, h, w] -> [G, H, W], as the image goes."""
        size = self.size_of(tf.shape(masks)[1:])
        return resampling.resample_masks(masks, size, align_corners=True)

    def size_of(self, shape):
        """int32 [2] height and width of an image -> the same after resizing.

        float32 and cut (not rounded) to whole pixels, so that sizes are the old API's.
        """
        if self._condition == "GREATER":
            side = tf.reduce_max(shape)
            target = tf.minimum(side, self._threshold)
        else:
            side = tf.reduce_min(shape)
            target = tf.maximum(side, self._threshold)
        scale = tf.cast(target, tf.float32) / tf.cast(side, tf.float32)
        size = tf.cast(tf.cast(shape, tf.float32) * scale, tf.int32)
        return tf.maximum(size, 1)
