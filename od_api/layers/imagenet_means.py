"""The inputs that networks expect whose weights were trained with Caffe or PyTorch."""

import tensorflow as tf

# Of blue, green and red over the images of ImageNet (Simonyan and Zisserman, 2015).
BGR_MEANS = (103.939, 116.779, 123.68)
# Of red, green and blue in 0..1, as of all that was trained with PyTorch.
MEANS = (0.485, 0.456, 0.406)
DEVIATIONS = (0.229, 0.224, 0.225)


def bgr_less_means(images):
    """[B, H, W, 3] RGB, 0..255 -> BGR less the ImageNet means, float32."""
    return tf.cast(images, tf.float32)[..., ::-1] - tf.constant(BGR_MEANS)


def less_means_by_deviations(images):
    """[B, H, W, 3] RGB, 0..255 -> less the ImageNet means, by deviations, float32."""
    images = tf.cast(images, tf.float32) / 255.0
    return (images - tf.constant(MEANS)) / tf.constant(DEVIATIONS)
