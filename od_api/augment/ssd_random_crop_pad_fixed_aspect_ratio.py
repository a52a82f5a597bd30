"""SSD's random crop, padded to one aspect ratio."""

import tensorflow as tf

from od_api.augment import _crop
from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.augment._pad import check_ratios
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.SSDRandomCropPadFixedAspectRatioOperation)
class SSDRandomCropPadFixedAspectRatioOperation(_crop.CropOperation):
    """One rule; see `CropOperation`, and `RandomCropImage` for the fields."""


@register(preprocessor_pb2.SSDRandomCropPadFixedAspectRatio)
class SSDRandomCropPadFixedAspectRatio:
    """Crops as `SSDRandomCrop`, then adds black below and to the right.

    The result has the given aspect ratio (width / height, up to rounding). Its size is
    a random multiple of the smallest one that holds the crop, between the given ratios
    where the aspect ratio allows it. Without operations there are the seven of
    `SSDRandomCrop`.

    Args:
      min_padded_size_ratio, max_padded_size_ratio: height and width of the padded image
        as a multiple of the crop's; 1 and 2 if not given.
    """

    def __init__(
        self,
        *,
        operations=(),
        aspect_ratio=1.0,
        min_padded_size_ratio=(),
        max_padded_size_ratio=(),
    ):
        ranges.above("aspect_ratio", aspect_ratio)
        self._rules = _crop.rules_of(operations)
        self._aspect_ratio = aspect_ratio
        self._low = check_ratios("min_padded_size_ratio", min_padded_size_ratio, (1, 1))
        self._high = check_ratios(
            "max_padded_size_ratio", max_padded_size_ratio, (2, 2)
        )

    def __call__(self, sample, seed):
        choice, crop_seed, pad_seed = random.seeds(seed, 3)
        cropped = _crop.crop_by_any(sample, choice, crop_seed, self._rules)
        return self._pad(cropped, pad_seed)

    def _pad(self, sample, seed):
        h, w = geometry.size(sample)
        # Not by tf.unstack: TensorFlow 2.21 compiles tf.maximum(a, b * constant) into a
        # leaky ReLU of a where a and b come out of the same operation.
        height, width = tf.cast(h, tf.float32), tf.cast(w, tf.float32)
        size = tf.stack([height, width])
        # The smallest size of the wanted shape around the image.
        smallest = tf.stack(
            [
                tf.maximum(height, width / self._aspect_ratio),
                tf.maximum(width, height * self._aspect_ratio),
            ]
        )
        most = tf.reduce_min(tf.maximum(size * self._high / smallest, 1.0))
        least = tf.reduce_max(tf.maximum(size * self._low / smallest, 1.0))
        scale = random.uniform(seed, tf.minimum(least, most), most)
        target = tf.cast(tf.round(smallest * scale), tf.int32)
        target = tf.maximum(target, tf.stack([h, w]))
        return geometry.view(sample, 0, 0, target[0], target[1])
