"""One size, a random way to get there."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges, resampling
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2

_METHODS = ("BILINEAR", "NEAREST_NEIGHBOR", "BICUBIC", "AREA")


@register(preprocessor_pb2.RandomResizeMethod)
class RandomResizeMethod:
    """Resizes to [target_height, target_width, 3] by one of four methods, drawn evenly.

    The methods are bilinear, nearest neighbour, bicubic and area. Boxes, masks and
    keypoints follow.
    """

    def __init__(self, *, target_height=0, target_width=0):
        ranges.at_least("target_height", target_height, 1, ranges.LONGEST_SIDE)
        ranges.at_least("target_width", target_width, 1, ranges.LONGEST_SIDE)
        self._size = (target_height, target_width)

    def __call__(self, sample, seed):
        def resized_by(method):
            return lambda: resampling.resample(sample["image"], self._size, method)

        index = random.integer(seed, 0, len(_METHODS))
        image = tf.switch_case(index, [resized_by(method) for method in _METHODS])
        image.set_shape([*self._size, sample["image"].shape[-1]])
        return {**geometry.resize(sample, *self._size), "image": image}
