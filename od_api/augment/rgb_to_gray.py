"""No colour."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RGBtoGray)
class RGBtoGray:
    """Replaces the three channels by their luma, always.

    Only the image changes. It keeps three equal channels, since every backbone expects
    three.
    """

    def __call__(self, sample, seed):
        image = sample["image"]
        gray = tf.broadcast_to(geometry.gray(image), tf.shape(image))
        gray.set_shape(image.shape)
        return {**sample, "image": gray}
