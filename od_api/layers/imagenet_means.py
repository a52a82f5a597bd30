"""The input that networks expect whose weights were trained with Caffe."""

import tensorflow as tf

# Of blue, green and red over the images of ImageNet (Simonyan and Zisserman, 2015).
BGR_MEANS = (103.939, 116.779, 123.68)


def bgr_less_means(images):
    """[B, H, W, 3] RGB, 0..255 -> BGR less the ImageNet means, float32."""
    return tf.cast(images, tf.float32)[..., ::-1] - tf.constant(BGR_MEANS)
