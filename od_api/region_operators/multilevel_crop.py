"""Crops of a feature pyramid: every box from the level that suits its size."""

import math

import tensorflow as tf

# Side in pixels of a box that belongs to the level before the last but one, the size
# of ImageNet's crops (Lin et al., CVPR 2017, section 4.2).
CANONICAL_SIDE = 224.0


def multilevel_crop(features, boxes, image_shape, size, *, crop):
    """Crops every box from one level of a pyramid.

    The level is the next one up for every doubling of the box's side, as equation 1 of
    Lin et al. (CVPR 2017) has it. Level numbers follow the old API: with L levels a box
    of 224 pixels belongs to level L - 2, counted from 0. One map alone is cropped as
    it is.

    Args:
      features: {level: [B, h, w, C]}, finest first.
      boxes: [B, P, 4] in pixels.
      image_shape: (H, W) of the padded input.
      size: [ch, cw].
      crop: (map, boxes, image_shape, size) -> [B, P, ch, cw, C].

    Returns:
      [B, P, ch, cw, C].
    """
    maps = list(features.values())
    if len(maps) == 1:
        return crop(maps[0], boxes, image_shape, size)
    levels = box_levels(boxes, len(maps))[..., None, None, None]
    crops = [crop(x, boxes, image_shape, size) for x in maps]
    return tf.add_n(
        [tf.where(levels == i, x, tf.zeros_like(x)) for i, x in enumerate(crops)]
    )


def box_levels(boxes, num_levels):
    """[B, P, 4] boxes in pixels -> [B, P] int32 levels, 0 for the finest."""
    ymin, xmin, ymax, xmax = tf.unstack(tf.stop_gradient(boxes), axis=-1)
    area = tf.maximum(ymax - ymin, 0.0) * tf.maximum(xmax - xmin, 0.0)
    # The logarithm of a side of less than a pixel is of no interest.
    side = tf.sqrt(tf.maximum(area, 1.0))
    level = tf.floor(tf.math.log(side / CANONICAL_SIDE) / math.log(2.0))
    return tf.clip_by_value(
        tf.cast(level, tf.int32) + num_levels - 2, 0, num_levels - 1
    )
