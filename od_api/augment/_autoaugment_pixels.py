"""The AutoAugment operations that leave every object where it is.

Images are [h, w, 3] float32 with whole numbers 0 to 255; every function returns such an
image. `level` is 0 to 10. Source of the ranges: Zoph et al., Learning Data Augmentation
Strategies for Object Detection, ECCV 2020, and the code published with it.
"""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random

GRAY = 128.0
_CUTOUT_PIXELS = 100
_BOX_CUTOUT_PIXELS = 50


def whole(image):
    """The image with whole numbers from 0 to 255, rounded down as uint8 would."""
    return tf.floor(tf.clip_by_value(image, 0.0, 255.0))


def auto_contrast(image, seed, level):
    """Each channel stretched to 0..255; a channel of one value stays."""
    low = tf.reduce_min(image, axis=(0, 1))
    high = tf.reduce_max(image, axis=(0, 1))
    stretched = (image - low) * tf.math.divide_no_nan(255.0, high - low)
    return tf.where(high > low, whole(stretched), image)


def equalize(image, seed, level):
    """Each channel's histogram made even, with the rounding of PIL's equalize."""
    channels = tf.unstack(tf.cast(image, tf.int32), num=3, axis=-1)
    return tf.cast(tf.stack([_equalized(c) for c in channels], -1), tf.float32)


def posterize(image, seed, level):
    """Only the highest bits kept, int(0.4 level) of them and at least one."""
    step = 2.0 ** (8 - max(int(level / 10 * 4), 1))
    return tf.floor(image / step) * step


def invert(image, seed, level):
    """The negative."""
    return 255.0 - image


def solarize(image, seed, level):
    """Values from a threshold up inverted."""
    return tf.where(image < int(level / 10 * 256), image, 255.0 - image)


def solarize_add(image, seed, level):
    """A number added to the values below 128."""
    added = tf.minimum(image + int(level / 10 * 110), 255.0)
    return tf.where(image < 128.0, added, image)


def color(image, seed, level):
    """Between gray (level 0) and colours stronger than they are (10)."""
    gray = tf.broadcast_to(tf.round(geometry.gray(image)), tf.shape(image))
    return _blend(gray, image, level)


def contrast(image, seed, level):
    """Between one gray (level 0) and more contrast than there is (10).

    The gray is the number of pixels / 256, at most 255, and not, as in PIL, the image's
    mean: the policies were found and used with this value.
    """
    pixels = tf.cast(tf.size(image[..., 0]), tf.float32)
    gray = tf.floor(tf.minimum(pixels / 256.0, 255.0))
    return _blend(gray, image, level)


def brightness(image, seed, level):
    """Between black (level 0) and brighter than it is (10)."""
    return _blend(0.0, image, level)


def sharpness(image, seed, level):
    """Between smoothed (level 0) and sharpened (10); the outermost pixels stay."""
    kernel = tf.constant([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13.0
    kernel = tf.tile(kernel[:, :, None, None], [1, 1, 3, 1])
    smooth = tf.nn.depthwise_conv2d(image[None], kernel, [1, 1, 1, 1], "SAME")[0]
    h, w = tf.shape(image)[0], tf.shape(image)[1]
    inner = _inside(h, 1, h - 1)[:, None] & _inside(w, 1, w - 1)
    smooth = tf.where(inner[..., None], whole(smooth), image)
    return _blend(smooth, image, level)


def cutout(image, seed, level):
    """A gray square of up to 20 level pixels a side, centred on any pixel."""
    return _cutout(image, seed, int(level / 10 * _CUTOUT_PIXELS))


def cutout_small(image, seed, level):
    """As `cutout`, half as large: for the inside of a box."""
    return _cutout(image, seed, int(level / 10 * _BOX_CUTOUT_PIXELS))


def flip(image, seed, level):
    """Left and right exchanged: for the inside of a box."""
    return tf.reverse(image, [1])


def gray_rectangle(image, center, half):
    """The image with the rows and columns [center - half, center + half) gray."""
    shape = tf.shape(image)
    rows = _inside(shape[0], center[0] - half[0], center[0] + half[0])
    columns = _inside(shape[1], center[1] - half[1], center[1] + half[1])
    return tf.where((rows[:, None] & columns)[..., None], GRAY, image)


def _cutout(image, seed, half):
    y_seed, x_seed = random.seeds(seed, 2)
    shape = tf.shape(image)
    center = random.integer(y_seed, 0, shape[0]), random.integer(x_seed, 0, shape[1])
    return gray_rectangle(image, center, (half, half))


def _blend(base, image, level):
    """base + f (image - base), f from 0.1 (level 0) to 1.9 (10)."""
    factor = level / 10 * 1.8 + 0.1
    return whole(base + factor * (image - base))


def _equalized(channel):
    """[h, w] int32 -> the same, equalized."""
    counts = tf.math.bincount(tf.reshape(channel, [-1]), minlength=256, maxlength=256)
    last = counts[tf.reduce_max(channel)]
    step = (tf.reduce_sum(counts) - last) // 255
    safe = tf.maximum(step, 1)
    table = (tf.cumsum(counts, exclusive=True) + safe // 2) // safe
    table = tf.clip_by_value(table, 0, 255)
    return tf.where(step == 0, channel, tf.gather(table, channel))


def _inside(extent, start, end):
    """[extent] bool: start <= position < end."""
    position = tf.range(extent)
    return (position >= start) & (position < end)
