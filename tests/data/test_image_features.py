"""The image of a record: a file, or raw pixels, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.data.image_features import image_of

# Raw pixels that begin as a JPEG does.
PIXELS = np.full([2, 4, 3], 255, np.uint8)
PIXELS[0, 0] = 0xFF, 0xD8, 0xFF
PNG = tf.io.encode_png(PIXELS).numpy()


def read(encoded, image_format=(), size=(2, 4), max_pixels=8):
    features = {
        "image/encoded": tf.constant(encoded),
        "image/format": tf.constant(list(image_format), tf.string),
        "image/height": tf.constant(size[:1], tf.int64),
        "image/width": tf.constant(size[1:], tf.int64),
        "image/source_id": tf.constant("17"),
        "image/filename": tf.constant(""),
    }
    eager = image_of(features, max_pixels)
    np.testing.assert_array_equal(tf.function(image_of)(features, max_pixels), eager)
    return eager.numpy()


def test_raw_pixels_and_files_are_one_image():
    for image in (
        read(PIXELS.tobytes(), ["RAW"]),
        read(PNG),
        read(PNG, ["png"]),
        read(PNG, ["jpeg"], size=()),
    ):
        np.testing.assert_array_equal(image, PIXELS)


@pytest.mark.parametrize(
    ("encoded", "settings", "message"),
    [
        (PIXELS.tobytes()[1:], {}, "RAW by image/format"),
        (PIXELS.tobytes(), {"size": ()}, "RAW by image/format"),
        (PNG, {}, "RAW by image/format"),
        (PIXELS.tobytes(), {"max_pixels": 7}, "more than 7 pixels"),
    ],
)
def test_refused(encoded, settings, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        read(encoded, ["RAW"], **settings)
