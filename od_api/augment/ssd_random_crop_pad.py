"""SSD's random crop, the result placed inside a larger image."""

import tensorflow as tf

from od_api.augment import _crop
from od_api.augment import _random as random
from od_api.augment._pad import check_ratios, padded_size, random_pad
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.SSDRandomCropPadOperation)
class SSDRandomCropPadOperation(_crop.CropOperation):
    """One rule; see `CropOperation`, and `RandomCropPadImage` for the fields.

    The pad colour is black unless it is set.
    """

    def __init__(
        self,
        *,
        min_object_covered=0.0,
        min_aspect_ratio=0.5,
        max_aspect_ratio=2.0,
        min_area=0.1,
        max_area=1.0,
        overlap_thresh=0.0,
        random_coef=0.0,
        min_padded_size_ratio=(),
        max_padded_size_ratio=(),
        pad_color_r=0.0,
        pad_color_g=0.0,
        pad_color_b=0.0,
        clip_boxes=True,
    ):
        super().__init__(
            min_object_covered=min_object_covered,
            min_aspect_ratio=min_aspect_ratio,
            max_aspect_ratio=max_aspect_ratio,
            min_area=min_area,
            max_area=max_area,
            overlap_thresh=overlap_thresh,
            random_coef=random_coef,
            clip_boxes=clip_boxes,
        )
        self.low = check_ratios("min_padded_size_ratio", min_padded_size_ratio, (1, 1))
        self.high = check_ratios("max_padded_size_ratio", max_padded_size_ratio, (2, 2))
        self.color = (
            ranges.finite("pad_color_r", pad_color_r),
            ranges.finite("pad_color_g", pad_color_g),
            ranges.finite("pad_color_b", pad_color_b),
        )


@register(preprocessor_pb2.SSDRandomCropPad)
class SSDRandomCropPad:
    """Crops and pads by one of the operations, all equally likely.

    Without operations there are six, with .1, .3, .5, .7, .9 and 1 as in
    `SSDRandomCrop`, padded to 1 to 2 times the uncropped size with the crop's mean
    colour. Source: Liu et al., SSD, ECCV 2016, section 2.2.
    """

    def __init__(self, *, operations=()):
        self._rules = [operation.rule for operation in operations]
        self._low = [operation.low for operation in operations]
        self._high = [operation.high for operation in operations]
        self._colors = [operation.color for operation in operations]
        if not operations:
            self._rules = _crop.built_in_rules(0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
            self._low = [(1, 1)] * len(self._rules)
            self._high = [(2, 2)] * len(self._rules)

    def __call__(self, sample, seed):
        choice, crop_seed, pad_seed = random.seeds(seed, 3)
        index = _crop.draw_rule(choice, self._rules)
        low = tf.gather(tf.constant(self._low, tf.float32), index)
        high = tf.gather(tf.constant(self._high, tf.float32), index)
        color = tf.gather(tf.constant(self._colors), index) if self._colors else None
        cropped = _crop.random_crop(sample, crop_seed, self._rules, index)
        low, high = padded_size(sample, low), padded_size(sample, high)
        return random_pad(cropped, pad_seed, low, high, color)
