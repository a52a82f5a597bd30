"""Looking at and decoding images: formats, sizes, orientation, what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from od_api.core.errors import UserError
from od_api.pictures import decoding


def _pixels(height=24, width=32):
    """Blocks of 8x8 equal pixels: JPEG and WebP keep them nearly as they are."""
    blocks = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3))
    return np.kron(blocks, np.ones((8, 8, 1))).astype(np.uint8)


def _encoded(kind, mode="RGB", **options):
    buffer = io.BytesIO()
    Image.fromarray(_pixels()).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


_OTHER = Image.new("RGB", (32, 24), "red")


def _see_through(kind, **options):
    picture = Image.fromarray(_pixels())
    picture.putalpha(128)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (_encoded("JPEG", quality=95, subsampling=0), "jpeg"),
        (_encoded("MPO", save_all=True, append_images=[_OTHER], quality=95), "jpeg"),
        (_encoded("JPEG", "L"), "jpeg"),
        (_encoded("PNG"), "png"),
        (_encoded("PNG", "P"), "png"),
        (_encoded("PNG", "1"), "png"),
        (_encoded("PNG", "RGBA"), "png"),
        (_see_through("PNG"), "png"),
        (_encoded("GIF", "P"), "gif"),
        (_encoded("GIF", "P", save_all=True, append_images=[_OTHER]), "gif"),
        (_encoded("BMP"), "bmp"),
        (_encoded("BMP", "L"), "bmp"),
        (_encoded("BMP", "RGBA"), "bmp"),
        (_encoded("WEBP", lossless=True), "webp"),
        (_encoded("WEBP", "RGBA"), "webp"),
    ],
)
def test_what_look_takes_is_decoded_as_people_see_it(encoded, name):
    assert decoding.look(encoded) == (name, 32, 24, 1)
    seen = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    decoded = decoding.decode(encoded)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - seen).mean() < 3


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        (_encoded("BMP", "P"), "is a BMP with a colour palette.*save it as"),
        (_encoded("BMP", "1"), "is a BMP"),
        (_encoded("TIFF"), "is TIFF.*save it as JPEG or PNG"),
        (_encoded("JPEG2000"), "is JPEG 2000"),
        (b"\0\0\0\x18ftypheic", "is HEIC"),
        (b"", "is an empty file"),
        (b"cats and dogs", "is not an image"),
        (b"<!DOCTYPE html>", "is a web page"),
        (_encoded("JPEG")[:40], "is a damaged JPEG.*leave it out"),
        (_encoded("PNG")[:20], "is a damaged PNG"),
        (_encoded("GIF", "P")[:9], "is a damaged GIF"),
        (_encoded("BMP")[:20], "is a damaged BMP"),
        (_encoded("WEBP")[:14], "is a damaged WEBP"),
        (
            _encoded("WEBP", save_all=True, append_images=[_OTHER]),
            "is an animated WebP",
        ),
        (_see_through("WEBP"), "is a WebP with transparency.*save it as"),
        (_see_through("WEBP", lossless=True), "is a WebP with transparency"),
    ],
)
def test_what_training_would_see_otherwise_is_refused(encoded, words):
    with pytest.raises(UserError, match=words):
        decoding.look(encoded)


def _bmp(bits, header_size=40, compression=0, colors=0, masks=()):
    fields = struct.pack(
        "<IiiHHIIiiII", header_size, 8, 8, 1, bits, compression, 0, 0, 0, colors, 0
    )
    body = fields + struct.pack(f"<{len(masks)}I", *masks) + bytes(4 * colors)
    start = struct.pack("<2sIHHI", b"BM", 14 + len(body) + 256, 0, 0, 14 + len(body))
    return start + body + bytes(range(256))


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        (_bmp(16), "16 bits"),
        (_bmp(4, colors=16), "4 bits"),
        (_bmp(8, compression=1, colors=256), "palette"),
        (_bmp(32, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00)), "compressed"),
    ],
)
def test_kinds_of_bmp_that_tensorflow_takes_for_others(encoded, words):
    with pytest.raises(UserError, match=words):
        decoding.look(encoded)


def test_bmp_with_the_usual_bit_fields_is_read():
    encoded = _bmp(32, compression=3, masks=(0xFF0000, 0xFF00, 0xFF))
    assert decoding.look(encoded) == ("bmp", 8, 8, 1)
    # Bytes 0, 1, 2 are blue, green and red of the pixel at the bottom left.
    np.testing.assert_array_equal(decoding.decode(encoded)[7, 0], [2, 1, 0])


def _gif(screen, *frames):
    start = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + bytes(6)
    body = b"".join(
        b"," + struct.pack("<4HB", *frame, 0) + b"\x02\x02\x4c\x01\0"
        for frame in frames
    )
    return start + body + b";"


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        (_gif((8, 8)), "is a damaged GIF"),
        (_gif((8, 8), (2, 2, 4, 4)), "does not fill it"),
        (_gif((8, 8), (0, 0, 8, 8), (0, 0, 9, 8)), "larger than itself"),
        (_gif((50_000, 50_000), (0, 0, 50_000, 50_000)), "fill the memory"),
    ],
)
def test_gif_that_tensorflow_shows_in_another_size_is_refused(encoded, words):
    with pytest.raises(UserError, match=words):
        decoding.look(encoded)


def _png_chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def test_size_is_read_from_the_header_of_a_bomb():
    """100,000 x 100,000 pixels without any pixel: nothing is decoded to know it."""
    header = _png_chunk(
        b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    )
    encoded = b"\x89PNG\r\n\x1a\n" + header + _png_chunk(b"IDAT", b"")
    header = decoding.look(encoded)
    assert (header.width, header.height) == (100_000, 100_000)
    with pytest.raises(UserError, match=r"a\.png: 100000x100000 are 10000 million pix"):
        decoding.check_pixels(header.width, header.height, "a.png")


def test_limit_of_pixels_is_inclusive_and_can_be_raised():
    decoding.check_pixels(10_000, 10_000, "a")
    decoding.check_pixels(10_000, 10_001, "a", limit=100_010_000)
    with pytest.raises(UserError, match="max_image_pixels"):
        decoding.check_pixels(10_000, 10_001, "a")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_exifs_and_upright_follows_it(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = _encoded(kind, exif=exif)
    header = decoding.look(encoded)
    assert header.orientation == orientation
    with Image.open(io.BytesIO(encoded)) as image:
        seen = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    turned = decoding.upright(decoding.decode(encoded), orientation)
    assert header.upright_size == seen.shape[1::-1]
    assert turned.shape == seen.shape
    assert np.abs(turned.astype(int) - seen).mean() < 8


def test_orientation_behind_the_pixels_of_a_png_is_found():
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = _encoded("PNG")
    end = whole.index(b"IEND") - 4
    chunk = _png_chunk(b"eXIf", exif.tobytes())
    assert decoding.look(whole[:end] + chunk + whole[end:]).orientation == 6


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\xff\xff\xff\xff"]
)
def test_damaged_orientation_is_upright(exif):
    assert decoding.look(_encoded("JPEG", exif=exif)).orientation == 1


def test_orientation_outside_of_1_to_8_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 9
    assert decoding.look(_encoded("JPEG", exif=exif)).orientation == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_one_channel_becomes_three_equal_ones(kind):
    decoded = decoding.decode(_encoded(kind, "L"))
    gray = np.asarray(Image.fromarray(_pixels()).convert("L"))
    np.testing.assert_allclose(decoded, np.repeat(gray[..., None], 3, -1), atol=3)
    np.testing.assert_array_equal(decoded[..., 0], decoded[..., 2])


def test_damaged_pixels_end_in_words():
    with pytest.raises(UserError, match=r"^cannot be decoded: "):
        decoding.decode(_encoded("JPEG")[:-100])


def test_decode_is_the_decoder_of_training():
    """The very pixels of the operation in a graph, not those of another decoder."""
    encoded = _encoded("JPEG", quality=60)
    graph = tf.function(decoding.decode_tensor)
    np.testing.assert_array_equal(graph(encoded), decoding.decode(encoded))
