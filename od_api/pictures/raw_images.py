"""Images without a file format (RAW): one byte a channel, row by row.

They have no header: the record says their height and width. One byte a pixel is gray.
"""

import tensorflow as tf

from od_api.core.errors import UserError

# What image/format says of them, in small letters.
FORMAT = "raw"


def is_raw(image_format):
    """Whether a record's image/format, bytes, says so."""
    return image_format.lower() == FORMAT.encode()


def check_raw(encoded, size):
    """Refuses bytes that are not the pixels of an image.

    Args:
      encoded: bytes.
      size: (height, width) as the record states them; None if it does not.

    Raises:
      UserError: the message begins with "is".
    """
    if size is None or min(size) < 1:
        raise UserError(
            "is RAW by image/format, which needs image/height and image/width"
        )
    pixels = size[0] * size[1]
    if len(encoded) not in (pixels, 3 * pixels):
        raise UserError(
            f"is RAW by image/format, and has {len(encoded)} bytes: {size[1]}x{size[0]}"
            f" pixels are {3 * pixels} bytes, or {pixels} in gray. If it is a file, "
            "let image/format say which, or leave it out"
        )


def raw_fits(encoded, height, width):
    """`check_raw` as an operation: string and int64 scalars -> a bool scalar."""
    size = tf.cast(tf.strings.length(encoded), tf.int64)
    pixels = height * width
    return (pixels > 0) & ((size == pixels) | (size == 3 * pixels))


def decode_raw_tensor(encoded, height, width):
    """The pixels of what `raw_fits`: -> uint8 [h, w, 3], gray in three channels."""
    values = tf.io.decode_raw(encoded, tf.uint8)
    shape = tf.stack([height, width, -1])
    pixels = tf.reshape(values, shape)
    times = tf.cond(tf.shape(pixels)[2] == 1, lambda: 3, lambda: 1)
    return tf.ensure_shape(tf.tile(pixels, [1, 1, times]), [None, None, 3])
