"""Reading an image file for a data set, as people see it.

Records hold the user's file as it is, if TensorFlow decodes it to the picture that
viewers show. What it would decode otherwise is written as PNG, and what lies on its
side by EXIF's orientation is written upright.
"""

import io
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.pictures import decoding
from od_api.system.files import read_bytes

# Formats that Pillow reads whatever their kind, and TensorFlow in part.
_REWRITTEN = {"BMP": "bmp", "GIF": "gif", "WEBP": "webp"}
# Gray levels, on average: JPEG decoders differ by about 1, wrong colours by 10 or more.
_NEAR = 4.0
# Nothing of it is seen at this quality without colour subsampling.
_UPRIGHT_JPEG = {"quality": 97, "subsampling": 0}
_ORIENTATION = 0x0112
# What Pillow raises for files that are damaged, cut short or a bomb.
_ERRORS = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)

TURNED = "images turned upright, as their EXIF orientation says"
REWRITTEN = "images written as PNG, because TensorFlow would decode them otherwise"
ANIMATED = "animations of which the first picture was taken"


class Picture(NamedTuple):
    """An image as a record takes it.

    Attributes:
      encoded: the bytes.
      format: as in records: "jpeg", "png", "gif", "bmp" or "webp".
      size: (width, height).
      boxes_size: (width, height) that the annotation's numbers are for.
      turn: EXIF's orientation by which boxes of `boxes_size` are turned; 1 for none.
      notes: what was done to it, for the summary.
    """

    encoded: bytes
    format: str
    size: tuple
    boxes_size: tuple
    turn: int
    notes: tuple


def read_image(image, max_pixels=decoding.MAX_PIXELS):
    """Reads and decodes the file of a `LabelledImage`.

    Args:
      image: its path, annotated width and height, and `where`.
      max_pixels: larger images are refused.

    Returns:
      A `Picture`.

    Raises:
      UserError: it is missing, broken, too large, of a format that is not read, or its
        size is not the annotated one.
    """
    path = printable(image.path)
    if not _exists(image.path):
        cut = path if len(path) < 500 else f"{path[:500]}..."
        raise UserError(f"{image.where}: its image {cut} does not exist")
    encoded = read_bytes(image.path, "image")
    try:
        header, is_readable = _header(encoded)
        decoding.check_pixels(header.width, header.height, path, max_pixels)
        seen, animated = _seen(encoded, header)
        as_it_is = is_readable and _agrees(encoded, seen)
    except UserError as error:
        text = str(error)
        raise UserError(text if path in text else f"{path}: {text}") from error
    boxes_size, turn = _frame(image, header)
    notes = (ANIMATED,) * animated
    if as_it_is and header.orientation == 1:
        kind = header.format
    else:
        seen = _pillow_pixels(encoded) if seen is None else seen
        seen = decoding.upright(seen, header.orientation)
        kind = "jpeg" if as_it_is and header.format == "jpeg" else "png"
        encoded = _encode(seen, kind)
        notes += (TURNED,) * (header.orientation != 1) + (REWRITTEN,) * (not as_it_is)
    return Picture(encoded, kind, header.upright_size, boxes_size, turn, notes)


def _exists(path):
    try:
        return path.exists()
    except OSError:  # no file can have such a name
        return False


def _header(encoded):
    """(Header, whether TensorFlow can decode it)."""
    try:
        return decoding.look(encoded), True
    except UserError:
        try:
            with _open(encoded) as picture:
                if picture.format not in _REWRITTEN or min(picture.size) < 1:
                    raise
                orientation = picture.getexif().get(_ORIENTATION)
                orientation = orientation if orientation in range(1, 9) else 1
                kind = _REWRITTEN[picture.format]
                return decoding.Header(kind, *picture.size, orientation), False
        except _ERRORS:
            pass
        raise


def _seen(encoded, header):
    """(pixels as people see them, whether it is an animation).

    Common JPEGs need no second decoder: None.
    """
    try:
        with _open(encoded) as picture:
            if header.format == "jpeg" and picture.mode in ("RGB", "L"):
                return None, False
            animated = header.format != "jpeg" and getattr(picture, "n_frames", 1) > 1
    except _ERRORS as error:
        raise UserError(f"cannot be decoded: {error}") from error
    return _pillow_pixels(encoded), animated


def _pillow_pixels(encoded):
    """uint8 [h, w, 3]: the first frame, as it is stored; 16 bits give the high byte."""
    try:
        with _open(encoded) as picture:
            picture.load()
            if picture.mode.startswith("I"):
                high = np.asarray(picture).astype(np.int64) >> 8
                gray = np.clip(high, 0, 255).astype(np.uint8)
                return np.repeat(gray[..., None], 3, axis=-1)
            return np.asarray(picture.convert("RGB"))
    except _ERRORS as error:
        raise UserError(f"cannot be decoded: {error}") from error


def _agrees(encoded, seen):
    """Whether TensorFlow decodes an image to these pixels, or nearly.

    Raises:
      UserError: nobody can decode it.
    """
    try:
        decoded = decoding.decode(encoded)
    except UserError:
        if seen is None:
            _pillow_pixels(encoded)
        return False
    if seen is None:
        return True
    if decoded.shape != seen.shape:
        return False
    difference = np.abs(decoded.astype(np.int16) - seen)
    return bool(difference.mean() <= _NEAR)


def _frame(image, header):
    """(size that the annotation is for, orientation that turns its boxes upright).

    Viewers show pictures upright, so that is what people annotate. Where sizes tell
    that a tool has not followed the orientation, the boxes are turned with the pixels.

    Raises:
      UserError: the annotated size is that of another picture.
    """
    stored, upright = (header.width, header.height), header.upright_size
    said = tuple(
        a or s for a, s in zip((image.width, image.height), upright, strict=True)
    )
    if said == upright:
        return upright, 1
    lying = tuple(
        a or s for a, s in zip((image.width, image.height), stored, strict=True)
    )
    if lying == stored:
        return stored, header.orientation
    path = printable(image.path)
    message = (
        f"{image.where}: says {said[0]}x{said[1]}, but {path} is "
        f"{upright[0]}x{upright[1]}"
    )
    if said == upright[::-1]:
        message += ". Width and height are swapped in the annotation"
    else:
        message += ". The image was resized after annotation, or it is another image"
    raise UserError(message)


def _encode(pixels, kind):
    buffer = io.BytesIO()
    options = _UPRIGHT_JPEG if kind == "jpeg" else {}
    Image.fromarray(pixels).save(buffer, kind.upper(), **options)
    return buffer.getvalue()


def _open(encoded):
    with warnings.catch_warnings():
        # The limit of pixels is our own.
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(encoded))
