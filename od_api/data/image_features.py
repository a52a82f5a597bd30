"""The pixels of a record: a file's, or bytes without a format (image/format: RAW)."""

import tensorflow as tf

from od_api.data.box_details import require
from od_api.pictures import decoding, raw_images
from od_api.pictures.image_sizes import num_pixels

_SIDES = ("image/height", "image/width")
# Looked at for raw images alone; any number of values will do elsewhere.
SPEC = {
    "image/format": tf.io.RaggedFeature(tf.string),
    **dict.fromkeys(_SIDES, tf.io.RaggedFeature(tf.int64)),
}


def image_of(features, max_pixels):
    """[h, w, 3] uint8; a size that would fill the memory is refused by its header.

    Args:
      features: {key: tensor} of a record, `image/encoded` and those of `SPEC` among
        them.
      max_pixels: so many at most.
    """
    encoded = features["image/encoded"]
    given = features["image/format"]
    is_raw = tf.reduce_any(tf.strings.lower(given[:1]) == raw_images.FORMAT)
    height, width = (_first(features[side]) for side in _SIDES)
    # The bytes of a raw image are not to be taken for a header.
    header = tf.where(is_raw, "", encoded)
    raw_pixels = tf.where(is_raw, height * width, 0)
    checks = require(
        tf.maximum(num_pixels(header), raw_pixels) <= max_pixels,
        f"the record's image has more than {max_pixels} pixels (max_image_pixels of "
        "the input reader)",
        features,
    )
    checks += require(
        ~is_raw | raw_images.raw_fits(encoded, height, width),
        "the record's image is RAW by image/format, and image/encoded has not 3 bytes, "
        "or 1, for each pixel of image/height x image/width",
        features,
    )
    with tf.control_dependencies(checks):
        encoded = tf.identity(encoded)
    image = tf.cond(
        is_raw,
        lambda: raw_images.decode_raw_tensor(encoded, height, width),
        lambda: decoding.decode_tensor(encoded),
    )
    return tf.ensure_shape(image, [None, None, 3])


def _first(values):
    """The first of a list of numbers; 0 of an empty one."""
    return tf.concat([values, [0]], 0)[0]
