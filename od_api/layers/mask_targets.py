"""What the mask of a region should be: its object's mask, cut out and resized."""

import tensorflow as tf

from od_api.layers.bilinear_crops import EDGE


def crop_masks(masks, gt_index, boxes, image_shape, size):
    """Cuts every region's box out of the mask of its object.

    Samples lie as those of `tf.image.crop_and_resize`: the first and the last on the
    edges of the box, bilinear between the centres of pixels, 0 outside of the mask.
    They are not rounded, so at the object's border a target lies between 0 and 1.
    Only the four neighbours of each sample are read: no mask is copied, and all shapes
    are static where those of the arguments are, as XLA needs.

    Args:
      masks: [B, G, H', W'], any number type, of the whole padded network input, at its
        size or at a lower one.
      gt_index: [B, P] int32, each region's object.
      boxes: [B, P, 4] float32, of the regions, in pixels of the padded network input.
      image_shape: (H, W) of the padded network input.
      size: (mh, mw), two ints.

    Returns:
      [B, P, mh, mw] float32, without gradient; zeros where there is no object at all.
    """
    if not masks.shape[1]:
        # A gather out of nothing is an error in TensorFlow.
        masks = tf.pad(masks, [[0, 0], [0, 1], [0, 0], [0, 0]])
    batch, count, height, width = tf.unstack(tf.shape(masks))
    boxes = tf.cast(boxes, tf.float32)
    rows = _samples(boxes[..., 0::2], image_shape[0], height, size[0])
    columns = _samples(boxes[..., 1::2], image_shape[1], width, size[1])
    flat = tf.reshape(masks, [batch, count * height * width])
    first = (gt_index * height)[:, :, None, None]
    total = 0.0
    for row, row_weight in _neighbours(rows, height):
        for column, weight in _neighbours(columns, width):
            index = (first + row[..., None]) * width + column[..., None, :]
            values = tf.cast(tf.gather(flat, index, batch_dims=1), tf.float32)
            total += values * row_weight[..., None] * weight[..., None, :]
    return tf.stop_gradient(total)


def _samples(edges, image_length, mask_length, count):
    """[B, P, 2] edges of boxes -> [B, P, count] places in pixels of the mask."""
    scale = tf.cast(mask_length - 1, tf.float32) / tf.cast(image_length, tf.float32)
    shares = [0.5] if count == 1 else [i / (count - 1) for i in range(count)]
    start, end = edges[..., :1] * scale, edges[..., 1:] * scale
    return start + (end - start) * tf.constant(shares)


def _neighbours(places, length):
    """The two pixels around each place with their weights, 0 outside of the mask."""
    last = tf.cast(length - 1, tf.float32)
    # Rounding may move the last sample of a box that ends on the image's edge outside.
    inside = (places >= 0.0) & (places <= last * (1.0 + EDGE))
    inside = tf.cast(inside, tf.float32)
    places = tf.clip_by_value(places, 0.0, last)
    low = tf.floor(places)
    share = places - low
    for shift, weight in ((0, 1.0 - share), (1, share)):
        index = tf.minimum(tf.cast(low, tf.int32) + shift, length - 1)
        yield index, weight * inside
