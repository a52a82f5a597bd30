"""Pixels of the old API's resizers and augmentations, and what else resizers share.

BILINEAR and its siblings sample at `i * old / new`, without the half-pixel shift of
`tf.image.resize`, because weights trained with the old API have seen such images: a 6x6
ramp 0..35 resized to 4x4 starts 0 1.5 3 4.5, not 1.75 3.25 4.75 6.25.
"""

import tensorflow as tf

_METHODS = {
    "BILINEAR": tf.raw_ops.ResizeBilinear,
    "NEAREST_NEIGHBOR": tf.raw_ops.ResizeNearestNeighbor,
    "BICUBIC": tf.raw_ops.ResizeBicubic,
    "AREA": tf.raw_ops.ResizeArea,
}


def check_method(method):
    """Raises ValueError for a resize method that does not exist."""
    if method not in _METHODS:
        raise ValueError(
            f"resize_method {method!r} does not exist; one of {', '.join(_METHODS)}"
        )


def resample(image, size, method="BILINEAR", align_corners=False):
    """[h, w, C] or [B, h, w, C], (H, W) -> [H, W, C] or [B, H, W, C] float32.

    Args:
      image: of any numeric type.
      size: two ints or an int32 [2] tensor.
      method: a name of ResizeType.
      align_corners: centres of the four corner pixels stay where they are.
    """
    # The ops read any type, but integers take them half as long again.
    images = tf.cast(image, tf.float32)
    alone = images.shape.rank == 3
    images = images[None] if alone else images
    images = _METHODS[method](images=images, size=size, align_corners=align_corners)
    return images[0] if alone else images


def resample_masks(masks, size, align_corners=False):
    """[G, h, w] -> [G, H, W] of the same type, nearest neighbour."""
    return tf.raw_ops.ResizeNearestNeighbor(
        images=tf.convert_to_tensor(masks)[..., None],
        size=size,
        align_corners=align_corners,
    )[..., 0]


def pad_to(image, size, values=None):
    """[h, w, 3] -> [H, W, 3]: `values` (one a channel, else 0) below and right.

    A batch [B, h, w, 3] likewise.
    """
    image = tf.convert_to_tensor(image)
    room = tf.convert_to_tensor(size) - tf.shape(image)[-3:-1]
    batch = [[0, 0]] * (image.shape.rank - 3)
    paddings = [*batch, [0, room[0]], [0, room[1]], [0, 0]]
    padded = tf.pad(image, paddings)
    if values is None:
        return padded
    outside = tf.pad(tf.zeros_like(image), paddings, constant_values=1.0)
    return padded + outside * tf.constant(values, tf.float32)


def set_sizes(image, size):
    """Says the static (H, W), None where it is open, of an image or a batch."""
    image.set_shape([*[None] * (image.shape.rank - 3), *size, 3])


def pad_masks_to(masks, size):
    """[G, h, w] -> [G, H, W] with zeros below and right."""
    room = tf.convert_to_tensor(size) - tf.shape(masks)[1:]
    return tf.pad(masks, [[0, 0], [0, room[0]], [0, room[1]]])


def to_gray(image):
    """[..., h, w, 3] -> the same shape with the luma in all three channels.

    The old API goes on with one channel. Three equal ones mean the same to a first
    convolution (its kernel's sum over channels) and fit every backbone and its weights.
    """
    return tf.repeat(tf.image.rgb_to_grayscale(image), 3, axis=-1)
