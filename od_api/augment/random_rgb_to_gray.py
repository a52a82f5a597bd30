"""Sometimes no colour."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomRGBtoGray)
class RandomRGBtoGray:
    """Replaces the three channels by their luma with a probability (0 to 1).

    Only the image changes, and it keeps its three channels.
    """

    def __init__(self, *, probability=0.1):
        ranges.probability("probability", probability)
        self._probability = probability

    def __call__(self, sample, seed):
        image = sample["image"]
        flag = random.chance(seed, self._probability)
        gray = tf.broadcast_to(geometry.gray(image), tf.shape(image))
        gray.set_shape(image.shape)
        return {**sample, "image": tf.where(flag, gray, image)}
