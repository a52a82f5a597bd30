"""Image headers, against files that Pillow writes."""

import io

import numpy as np
import pytest
from PIL import Image

from od_api.pictures import image_headers

PIXELS = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype(np.uint8)


def saved(kind, mode="RGB", **settings):
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, kind, **settings)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "bmp", "webp"])
def test_formats_that_are_read(kind):
    assert image_headers.format_of(saved(kind)) == kind
    assert image_headers.name_other_format(saved(kind)) is None


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (saved("tiff"), "TIFF"),
        (saved("ico"), "an icon"),
        (saved("jpeg2000"), "JPEG 2000"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"\0\0\0\x20ftypheic", "HEIC or a video"),
        (b"<!DOCTYPE html>", "a web page or SVG"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"anything else", None),
        (b"", None),
    ],
)
def test_other_formats_have_a_name(encoded, name):
    assert image_headers.format_of(encoded) is None
    found = image_headers.name_other_format(encoded)
    assert found == name if name is None else found.startswith(name)


@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        ("RGB", None),
        ("L", None),
        ("P", "is a BMP with a colour palette"),
        ("1", "is a BMP of 1 bits a pixel"),
    ],
)
def test_bmp(mode, fault):
    assert image_headers.bmp_fault(saved("bmp", mode), mode) == fault


def test_bmp_that_is_cut_short_or_compressed():
    encoded = saved("bmp")
    assert image_headers.bmp_fault(encoded[:20], "RGB") == "is cut short"
    packed = encoded[:30] + b"\1" + encoded[31:]
    assert image_headers.bmp_fault(packed, "RGB") == "is a compressed BMP"
    old = encoded[:14] + b"\x0c" + encoded[15:]
    assert image_headers.bmp_fault(old, "RGB") == "is a BMP of OS/2"


def test_gif():
    """The first frame must fill it: its size is at 6..9 of the file."""
    encoded = saved("gif")
    assert image_headers.gif_fault(encoded) is None
    larger = encoded[:6] + b"\x63\0\x63\0" + encoded[10:]
    assert "does not fill it" in image_headers.gif_fault(larger)


def test_gif_of_several_frames():
    frames = [Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)]
    file = io.BytesIO()
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:])
    assert image_headers.gif_fault(file.getvalue()) is None
    assert len(list(image_headers._gif_frames(file.getvalue()))) == 2


def test_png_chunks():
    """IHDR holds width and height, 8 and 6, in front of the pixels."""
    encoded = saved("png")
    header = image_headers.png_chunk(encoded, b"IHDR")
    assert header[:8] == b"\0\0\0\x08\0\0\0\x06"
    assert image_headers.png_chunk(encoded, b"IDAT")
    assert image_headers.png_chunk(encoded, b"tRNS") is None
    assert image_headers.png_chunk(encoded[:20], b"IDAT") is None
