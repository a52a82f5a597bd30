import numpy as np
import pytest
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.pictures import raw_images


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_come_back(channels):
    pixels = np.arange(2 * 5 * channels, dtype=np.uint8).reshape(2, 5, channels)
    raw = pixels.tobytes()
    raw_images.check_raw(raw, (2, 5))
    assert raw_images.raw_fits(raw, 2, 5)
    read = raw_images.decode_raw_tensor(tf.constant(raw), 2, 5)
    np.testing.assert_array_equal(read, np.broadcast_to(pixels, (2, 5, 3)))


@pytest.mark.parametrize(
    ("count", "size", "message"),
    [
        (30, None, "needs image/height"),
        (0, (0, 5), "needs image/height"),
        (29, (2, 5), "has 29 bytes: 5x2 pixels are 30 bytes, or 10 in gray"),
    ],
)
def test_what_is_no_image_is_refused(count, size, message):
    with pytest.raises(UserError, match=message):
        raw_images.check_raw(bytes(count), size)
    assert size is None or not raw_images.raw_fits(bytes(count), *size)


def test_the_format_in_any_case():
    assert raw_images.is_raw(b"RAW") and raw_images.is_raw(b"raw")
    assert not raw_images.is_raw(b"jpeg") and not raw_images.is_raw(b"")
