"""Records hold what people see: orientation, and formats TensorFlow reads otherwise."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from od_api.core.errors import UserError
from od_api.data.converters.convert import LabelledImage
from od_api.data.converters.labelled_images import (
    ANIMATED,
    REWRITTEN,
    TURNED,
    read_image,
)
from od_api.pictures import decoding

_ROWS, _COLUMNS = np.mgrid[:48, :64]
PIXELS = np.stack([_COLUMNS * 4, _ROWS * 5, (_COLUMNS + _ROWS) * 2], -1).astype(
    np.uint8
)
PICTURE = Image.fromarray(PIXELS)
RED = Image.new("RGB", PICTURE.size, (255, 0, 0))
_SEE_THROUGH = Image.fromarray(np.dstack([PIXELS, np.full_like(PIXELS[..., 0], 128)]))


def _file(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _bmp(bits, palette, rows):
    """An uncompressed BMP of 64x48 by hand: headers of 14 and 40 bytes."""
    start = 54 + len(palette)
    return (
        struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start)
        + struct.pack("<IiiHHIIiiII", 40, 64, 48, 1, bits, 0, 0, 0, 0, 0, 0)
        + palette
        + rows
    )


@pytest.fixture
def read(tmp_path):
    def run(encoded, name="a.jpg", **settings):
        (tmp_path / name).write_bytes(encoded)
        image = LabelledImage(tmp_path / name, "a", None, where="a.xml", **settings)
        return read_image(image)

    return run


def _seen(encoded):
    """Pillow's picture, upright; 16-bit pixels by their high byte."""
    with Image.open(io.BytesIO(encoded)) as picture:
        if picture.mode.startswith("I"):
            high = np.asarray(picture).astype(int) >> 8
            return np.repeat(high[..., None], 3, -1)
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB")).astype(int)


_ODD = {
    "gray.jpg": (_file(PICTURE.convert("L"), "JPEG"), ()),
    "cmyk.jpg": (_file(PICTURE.convert("CMYK"), "JPEG", quality=95), ()),
    "wrong_suffix.jpg": (_file(PICTURE, "PNG"), ()),
    "bits.png": (_file(PICTURE.convert("1"), "PNG"), ()),
    "palette.png": (_file(PICTURE.quantize(8), "PNG"), ()),
    "alpha.png": (_file(PICTURE.convert("LA"), "PNG"), ()),
    "deep.png": (_file(Image.fromarray((_COLUMNS * 1000).astype("u2")), "PNG"), ()),
    "animated.png": (
        _file(PICTURE, "PNG", save_all=True, append_images=[RED]),
        (ANIMATED,),
    ),
    "plain.gif": (_file(PICTURE.quantize(64), "GIF"), ()),
    "animated.gif": (
        _file(PICTURE.quantize(64), "GIF", save_all=True, append_images=[RED]),
        (ANIMATED,),
    ),
    "plain.bmp": (_file(PICTURE, "BMP"), ()),
    "gray.bmp": (_file(PICTURE.convert("L"), "BMP"), ()),
    "palette.bmp": (_file(PICTURE.quantize(64), "BMP"), (REWRITTEN,)),
    "1_bit.bmp": (_file(PICTURE.convert("1"), "BMP"), (REWRITTEN,)),
    "4_bit.bmp": (
        _bmp(4, bytes(range(0, 256, 4)), bytes(range(32)) * 48),
        (REWRITTEN,),
    ),
    "16_bit.bmp": (_bmp(16, b"", bytes(range(128)) * 48), (REWRITTEN,)),
    "lossy.webp": (_file(PICTURE, "WEBP", quality=95), ()),
    "see_through.webp": (_file(_SEE_THROUGH, "WEBP", exact=True), (REWRITTEN,)),
    "animated.webp": (
        _file(PICTURE, "WEBP", lossless=True, save_all=True, append_images=[RED]),
        (ANIMATED, REWRITTEN),
    ),
}


@pytest.mark.parametrize("name", _ODD)
def test_what_tensorflow_decodes_is_what_people_see(read, name):
    encoded, notes = _ODD[name]
    picture = read(encoded, name)
    decoded = decoding.decode(picture.encoded).astype(int)
    assert np.abs(decoded - _seen(encoded)).mean() < 2
    assert picture.notes == notes and picture.size == (64, 48)
    assert picture.format == decoding.look(picture.encoded).format
    assert (picture.encoded == encoded) == (REWRITTEN not in notes)


def test_two_pictures_in_one_jpeg_stay_as_they_are(read):
    """Pillow calls it MPO; TensorFlow decodes the first."""
    encoded = _file(PICTURE, "MPO", save_all=True, append_images=[RED])
    picture = read(encoded)
    assert picture.format == "jpeg" and picture.encoded == encoded
    assert picture.notes == ()


def _turned_file(orientation, kind="JPEG", picture=PICTURE, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _file(picture, kind, exif=exif, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_written_upright(read, orientation, kind):
    encoded = _turned_file(orientation, kind)
    picture = read(encoded)
    decoded = decoding.decode(picture.encoded).astype(int)
    assert np.abs(decoded - _seen(encoded)).mean() < 2
    assert picture.size == ((64, 48) if orientation < 5 else (48, 64))
    assert decoding.look(picture.encoded).orientation == 1
    assert picture.notes == (() if orientation == 1 else (TURNED,))
    assert picture.boxes_size == picture.size and picture.turn == 1


@pytest.mark.parametrize(
    ("orientation", "said", "boxes_size", "turn"),
    [
        (6, (48, 64), (48, 64), 1),  # of the upright picture
        (6, (64, 48), (64, 48), 6),  # of the stored one
        (6, (64, None), (64, 48), 6),
        (3, (64, 48), (64, 48), 1),  # equal: what viewers show
        (1, (64, 48), (64, 48), 1),
    ],
)
def test_annotated_sizes_tell_what_boxes_are_for(
    read, orientation, said, boxes_size, turn
):
    width, height = said
    picture = read(_turned_file(orientation), width=width, height=height)
    assert (picture.boxes_size, picture.turn) == (boxes_size, turn)


def test_other_sizes_are_another_picture(read):
    with pytest.raises(UserError, match=r"a\.xml: says 48x64.*64x48.*swapped"):
        read(_turned_file(1), width=48, height=64)
    with pytest.raises(UserError, match=r"says 64x47.*48x64.*resized"):
        read(_turned_file(6), width=64, height=47)


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"", r"a\.jpg: is an empty file"),
        (b"GIF89a", r"a\.jpg: is a damaged GIF"),
        (b"hello", r"a\.jpg: is not an image"),
        (_file(PICTURE, "TIFF"), r"a\.jpg: is TIFF, which is not read"),
        (_file(PICTURE, "JPEG")[:-200], r"a\.jpg: cannot be decoded"),
        (_file(PICTURE, "PNG")[:-60], r"a\.jpg: cannot be decoded"),
        (_file(PICTURE.quantize(64), "BMP")[:-900], r"a\.jpg: cannot be decoded"),
    ],
)
def test_what_is_no_image_is_named(read, encoded, message):
    with pytest.raises(UserError, match=message):
        read(encoded)


def test_a_limit_of_pixels_by_the_header_alone(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(_file(PICTURE, "PNG"))
    image = LabelledImage(path, "a", None)
    with pytest.raises(UserError, match=r"a\.png: 64x48 .*above the limit"):
        read_image(image, max_pixels=64 * 48 - 1)
    assert read_image(image, max_pixels=64 * 48).size == (64, 48)
