"""Every image as it is."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import image_resizer_pb2


@register(image_resizer_pb2.IdentityResizer)
class IdentityResizer:
    """Image [..., h, w, 3] -> (the same as float32, true shape int32 [2]).

    Attributes:
      output_shape: None, sizes differ.
    """

    output_shape = None

    def __call__(self, image):
        return tf.cast(image, tf.float32), tf.shape(image)[-3:-1]

    def masks(self, masks):
        """[G, h, w], unchanged."""
        return masks
