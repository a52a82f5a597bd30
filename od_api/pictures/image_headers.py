"""Image headers: where TensorFlow would show other pixels than people see.

TensorFlow decodes BMP and GIF by halves: palettes of a BMP are taken for gray values,
and a GIF gets the size of its largest frame. Nothing of that raises, so that the
headers are looked at here.
"""

import struct

# What files that people take for images begin with, beside the formats that are read.
_OTHER_FORMATS = (
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"II+\0", 0, "TIFF"),
    (b"MM\0+", 0, "TIFF"),
    (b"ftypavif", 4, "AVIF"),
    (b"ftypavis", 4, "AVIF"),
    (b"ftyp", 4, "HEIC or a video"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"\0\0\0\x0cJXL ", 0, "JPEG XL"),
    (b"\0\0\0\x0cjP  ", 0, "JPEG 2000"),
    (b"\xff\x4f\xff\x51", 0, "JPEG 2000"),
    (b"8BPS", 0, "a Photoshop document"),
    (b"\0\0\1\0", 0, "an icon"),
    (b"%PDF", 0, "PDF"),
    (b"<svg", 0, "SVG"),
    (b"<", 0, "a web page or SVG"),
    (b"version https://git-lfs", 0, "a pointer of Git LFS (`git lfs pull` gets files)"),
)

# A GIF is decoded with all its frames, one byte a pixel.
_MAX_GIF_PIXELS = 1_000_000_000


def format_of(encoded):
    """The format's name by the first bytes, as TensorFlow tells them apart, or None."""
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return "webp"
    marks = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"GIF8": "gif", b"BM": "bmp"}
    return next((k for mark, k in marks.items() if encoded.startswith(mark)), None)


def name_other_format(encoded):
    """What a file of a format that is not read seems to be, or None."""
    for mark, offset, name in _OTHER_FORMATS:
        if encoded.startswith(mark, offset):
            return name
    return None


def bmp_fault(encoded, mode):
    """Why TensorFlow would not decode a BMP as people see it, or None.

    Args:
      encoded: the file.
      mode: Pillow's name of its kind of pixels.
    """
    if len(encoded) < 34:
        return "is cut short"
    header_size = struct.unpack_from("<I", encoded, 14)[0]
    bits, compression = struct.unpack_from("<HI", encoded, 28)
    if header_size < 40:
        return "is a BMP of OS/2"
    if bits == 8 and mode != "L":
        return "is a BMP with a colour palette"
    if bits not in (8, 24, 32):
        return f"is a BMP of {bits} bits a pixel"
    if compression and (bits != 32 or _bit_masks(encoded) != _BGRA):
        return "is a compressed BMP"
    return None


def gif_fault(encoded):
    """Why TensorFlow would not decode a GIF as people see it, or None."""
    width, height = struct.unpack_from("<HH", encoded, 6)
    frames = list(_gif_frames(encoded))
    if frames[:1] != [(0, 0, width, height)]:
        return "is a GIF whose first frame does not fill it"
    if any(w > width or h > height for _, _, w, h in frames):
        return "is a GIF with frames larger than itself"
    if sum(w * h for _, _, w, h in frames) > _MAX_GIF_PIXELS:
        return f"is a GIF of {len(frames)} frames, which would fill the memory"
    return None


def png_chunk(encoded, name):
    """The content of a PNG's first chunk of this name, wherever it stands, or None."""
    position = 8
    while position + 8 <= len(encoded):
        length, kind = struct.unpack_from(">I4s", encoded, position)
        if kind == name:
            return encoded[position + 8 : position + 8 + length]
        position += 12 + length
    return None


_BGRA = (0xFF0000, 0xFF00, 0xFF)


def _bit_masks(encoded):
    """Where red, green and blue are in a pixel of a BMP with bit fields."""
    return struct.unpack_from("<III", encoded.ljust(66, b"\0"), 54)


def _gif_frames(encoded):
    """Yields (left, top, width, height) of the frames, as far as the file goes."""
    position = 13 + _gif_palette(encoded[10])
    while position < len(encoded):
        kind, position = encoded[position], position + 1
        if kind == 0x2C and position + 9 <= len(encoded):
            yield struct.unpack_from("<4H", encoded, position)
            position += 9 + _gif_palette(encoded[position + 8]) + 1
        elif kind == 0x21:
            position += 1
        else:
            return
        while position < len(encoded) and encoded[position]:
            position += 1 + encoded[position]
        position += 1


def _gif_palette(flags):
    """Bytes of the palette that follows a header with these flags."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
