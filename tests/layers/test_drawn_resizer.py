"""A resizer that an index chooses."""

import tensorflow as tf

from od_api.layers.drawn_resizer import DrawnResizer
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer
from od_api.resizers.identity_resizer import IdentityResizer


def test_image_and_masks_go_by_the_index():
    resizers = [FixedShapeResizer(height=4, width=6), IdentityResizer()]
    image, masks = tf.ones([8, 9, 3], tf.uint8), tf.ones([2, 8, 9], tf.uint8)
    for index, shape in ((0, (4, 6)), (1, (8, 9))):
        resizer = DrawnResizer(resizers, tf.constant(index))
        resized, true_shape = resizer(image)
        assert resized.dtype == tf.float32 and resizer.output_shape is None
        assert resized.shape[:2] == tuple(true_shape.numpy()) == shape
        assert resizer.masks(masks).shape == (2, *shape)
