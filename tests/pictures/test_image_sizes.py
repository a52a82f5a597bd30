"""Numbers of pixels by the header, in a graph."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from od_api.pictures.image_sizes import num_pixels


def encoded(kind, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (300, 70), "red").save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def in_graph():
    signature = [tf.TensorSpec([], tf.string)]
    return tf.function(num_pixels, input_signature=signature, autograph=False)


@pytest.mark.parametrize(
    "image",
    [
        encoded("JPEG"),
        encoded("JPEG", progressive=True),
        encoded("PNG"),
        encoded("GIF"),
        encoded("BMP"),
        encoded("WEBP"),
        encoded("WEBP", lossless=True),
        encoded("WEBP", exif=b"Exif\0\0"),
    ],
    ids=lambda image: repr(image[:4]),
)
def test_300_by_70_pixels(in_graph, image):
    assert in_graph(image).numpy() == 300 * 70


def test_heights_below_zero_and_sizes_beyond_32_bits(in_graph):
    bmp = bytearray(encoded("BMP"))
    struct.pack_into("<i", bmp, 22, -70)
    assert in_graph(bytes(bmp)).numpy() == 300 * 70
    png = bytearray(encoded("PNG"))
    struct.pack_into(">II", png, 16, 2**31 - 1, 2**31 - 1)
    assert in_graph(bytes(png)).numpy() == (2**31 - 1) ** 2


@pytest.mark.parametrize("text", [b"", b"cats", b"RIFF", b"\x89PNG"])
def test_what_is_no_image_has_none(in_graph, text):
    assert in_graph(text).numpy() == 0


def test_every_size_of_webp_has_its_kind(in_graph):
    """Odd sizes: their bits lie in several bytes."""
    for size in np.array([[1, 1], [257, 3], [4099, 2]]):
        for options in ({}, {"lossless": True}, {"exif": b"Exif\0\0"}):
            buffer = io.BytesIO()
            Image.new("RGB", tuple(size)).save(buffer, "WEBP", **options)
            assert in_graph(buffer.getvalue()).numpy() == size.prod()
