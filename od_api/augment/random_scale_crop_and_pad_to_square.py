"""A square of a fixed size with the image at a random scale, as EfficientDet trains."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomScaleCropAndPadToSquare)
class RandomScaleCropAndPadToSquare:
    """Resizes, then crops at random or pads to [output_size, output_size, 3].

    Bilinear; the longer side becomes output_size times a factor from [scale_min,
    scale_max). The padding is black, below and to the right. Boxes are clipped to the
    square, those outside are dropped, and keypoints outside are unset. Source: Tan et
    al., EfficientDet, CVPR 2020.
    """

    def __init__(self, *, output_size=512, scale_min=0.1, scale_max=2.0):
        random.check_range("scale_min", scale_min, "scale_max", scale_max)
        ranges.at_least("output_size", output_size, 1, ranges.LONGEST_SIDE)
        ranges.above("scale_min", scale_min)
        ranges.above("scale_max", scale_max, 0, 100)
        self._output_size = output_size
        self._scales = (scale_min, scale_max)

    def __call__(self, sample, seed):
        scale_seed, y_seed, x_seed = random.seeds(seed, 3)
        side = self._output_size
        longer = tf.cast(tf.maximum(*geometry.size(sample)), tf.float32)
        factor = random.uniform(scale_seed, *self._scales) * side / longer
        height, width = geometry.scaled_size(sample, factor)
        resized = geometry.resize(sample, height, width)
        top = random.integer(y_seed, 0, height - side)
        left = random.integer(x_seed, 0, width - side)
        cropped = geometry.view(resized, top, left, side, side)
        return geometry.keep_visible(cropped)
