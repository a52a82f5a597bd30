"""A random part of the image inside a larger one."""

import tensorflow as tf

from od_api.augment import _random as random
from od_api.augment._crop import CropRule, random_crop
from od_api.augment._pad import check_color, check_ratios, padded_size, random_pad
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomCropPadImage)
class RandomCropPadImage:
    """Crops as `RandomCropImage` does, then pads.

    Args:
      min_padded_size_ratio, max_padded_size_ratio: height and width of the padded image
        as a multiple of the image's before the crop; 1 and 2 if not given. The crop is
        never made smaller.
      pad_color: red, green, blue, 0 to 255; none for the mean colour of the crop.
      The others: see `RandomCropImage`.
    """

    def __init__(
        self,
        *,
        min_object_covered=1.0,
        min_aspect_ratio=0.75,
        max_aspect_ratio=1.33,
        min_area=0.1,
        max_area=1.0,
        overlap_thresh=0.3,
        random_coef=0.0,
        min_padded_size_ratio=(),
        max_padded_size_ratio=(),
        pad_color=(),
        clip_boxes=True,
    ):
        self._rule = CropRule(
            min_object_covered=min_object_covered,
            aspect_ratio_range=(min_aspect_ratio, max_aspect_ratio),
            area_range=(min_area, max_area),
            overlap_thresh=overlap_thresh,
            clip_boxes=clip_boxes,
            random_coef=random_coef,
        ).checked()
        self._low = check_ratios("min_padded_size_ratio", min_padded_size_ratio, (1, 1))
        self._high = check_ratios(
            "max_padded_size_ratio", max_padded_size_ratio, (2, 2)
        )
        self._color = check_color(pad_color)

    def __call__(self, sample, seed):
        crop_seed, pad_seed = random.seeds(seed, 2)
        low = padded_size(sample, tf.constant(self._low, tf.float32))
        high = padded_size(sample, tf.constant(self._high, tf.float32))
        cropped = random_crop(sample, crop_seed, [self._rule], 0)
        return random_pad(cropped, pad_seed, low, high, self._color)
