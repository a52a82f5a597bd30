"""The short side to one length, unless the long one would pass another."""

import tensorflow as tf

from od_api.core import ranges, resampling
from od_api.core.registry import register
from od_api.protos import image_resizer_pb2


@register(image_resizer_pb2.KeepAspectRatioResizer)
class KeepAspectRatioResizer:
    """Image [..., h, w, 3] -> (float32 [..., H, W, 3], true shape int32 [2]).

    Proportions are kept: the scale is the smaller of min_dimension / short side and
    max_dimension / long one.

    Attributes:
      output_shape: (max_dimension, max_dimension) when padded to it, else None.
      by_proportions: the size depends on nothing but an image's proportions.
      usual_shape: (height, width) that images have about, or at least.
    """

    by_proportions = True

    def __init__(
        self,
        *,
        min_dimension=600,
        max_dimension=1024,
        resize_method="BILINEAR",
        pad_to_max_dimension=False,
        convert_to_grayscale=False,
        per_channel_pad_value=(),
    ):
        if not 1 <= min_dimension <= max_dimension:
            raise ValueError(
                f"1 <= min_dimension <= max_dimension must hold, but they are "
                f"{min_dimension} and {max_dimension}"
            )
        ranges.at_least("max_dimension", max_dimension, 1, ranges.LONGEST_SIDE)
        ranges.finite("per_channel_pad_value", per_channel_pad_value)
        if len(per_channel_pad_value) not in (0, 3):
            raise ValueError(
                f"per_channel_pad_value needs 3 numbers, not {per_channel_pad_value}"
            )
        resampling.check_method(resize_method)
        self.output_shape = (max_dimension,) * 2 if pad_to_max_dimension else None
        self.usual_shape = self.output_shape or (min_dimension,) * 2
        self._min, self._max = min_dimension, max_dimension
        self._method = resize_method
        self._gray = convert_to_grayscale
        self._pad_value = list(per_channel_pad_value) or None

    def __call__(self, image):
        size = self.size_of(tf.shape(image)[-3:-1])
        image = resampling.resample(image, size, self._method)
        if self.output_shape:
            image = resampling.pad_to(image, self.output_shape, self._pad_value)
        if self._gray:
            image = resampling.to_gray(image)
        resampling.set_sizes(image, self.output_shape or (None, None))
        return image, size

    def masks(self, masks):
        """[G, h, w] -> [G, H, W], as the image goes."""
        size = self.size_of(tf.shape(masks)[1:])
        resized = resampling.resample_masks(masks, size)
        if self.output_shape:
            resized = resampling.pad_masks_to(resized, self.output_shape)
        return resized

    def size_of(self, shape):
        """int32 [..., 2] heights and widths of images -> the same after resizing.

        float32 and round-half-to-even throughout, so that sizes are the old API's.
        """
        shape = tf.cast(shape, tf.float32)
        short = tf.reduce_min(shape, axis=-1, keepdims=True)
        long = tf.reduce_max(shape, axis=-1, keepdims=True)
        scale = tf.minimum(self._min / short, self._max / long)
        # The short side of a long strip would round to nothing.
        return tf.maximum(tf.cast(tf.round(shape * scale), tf.int32), 1)
