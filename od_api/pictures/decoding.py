"""Images in files and records: one decoder, one look at the header, one limit of size.

Training, evaluation, `od-api detect`, exported models and the study all decode by
`decode`, because decoders differ: TensorFlow's fast JPEG transform and Pillow's exact
one are some gray levels apart, which a detector's scores show.
"""

import io
import warnings
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from od_api.core.errors import UserError
from od_api.pictures import image_headers

# More pixels than this are taken for an attack or a mistake: decoded, one image holds
# 300 MB, and 1.2 GB as the floats that training makes of it.
MAX_PIXELS = 100_000_000

# Endings of the files that `look` takes, in small letters.
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp")
)

_READERS = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
}
_ORIENTATION = 0x0112
_CURE = "save it as JPEG or PNG (`convert FILE FILE.png` of ImageMagick does)"


class Header(NamedTuple):
    """What an image file says before its pixels.

    Attributes:
      format: "jpeg", "png", "gif", "bmp" or "webp".
      width, height: of the pixels as they are stored, which is as `decode` gives them.
      orientation: EXIF's number of how to turn them, 1..8; 1 is upright.
    """

    format: str
    width: int
    height: int
    orientation: int

    @property
    def upright_size(self):
        """(width, height) of the image as people see it."""
        size = (self.width, self.height)
        return size[::-1] if self.orientation >= 5 else size


def look(encoded):
    """The `Header` of an image, without decoding it.

    Args:
      encoded: bytes of a file.

    Raises:
      UserError: it is none, or of a kind that TensorFlow does not decode as people see
        it. The message begins with "is": the caller puts the file's name before it.
    """
    kind = image_headers.format_of(encoded)
    if kind is None:
        raise UserError(_not_an_image(encoded))
    try:
        with warnings.catch_warnings(), io.BytesIO(encoded) as file:
            # Of damaged EXIF, which spoils no pixel.
            warnings.simplefilter("ignore")
            image = _READERS[kind](file)
            orientation = _orientation(kind, encoded, image)
    except Image.DecompressionBombError as error:
        raise UserError(f"is too large to be decoded: {error}") from error
    except Exception as error:  # each reader of Pillow has errors of its own
        reason = str(error) or "its header is cut short"
        raise UserError(
            f"is a damaged {kind.upper()} ({reason}): get it again, or leave it out"
        ) from error
    width, height = image.size
    if width < 1 or height < 1:
        raise UserError(f"is an image of {width}x{height} pixels: it holds nothing")
    if fault := _fault(kind, encoded, image):
        raise UserError(
            f"{fault}, which TensorFlow would decode wrongly or not at all: {_CURE}"
        )
    return Header(kind, width, height, orientation)


def decode(encoded):
    """The pixels of an image, exactly as training sees them.

    JPEG, PNG, GIF and WebP (the first frame) and BMP. 16-bit pixels keep their high
    byte, gray becomes three equal channels, transparency is dropped, and EXIF's
    orientation is not followed (`upright` does).

    Args:
      encoded: bytes of a file.

    Returns:
      uint8 [h, w, 3].

    Raises:
      UserError: it cannot be decoded. The message begins with "cannot".
    """
    try:
        return decode_tensor(encoded).numpy()
    except (tf.errors.OpError, ValueError) as error:
        reason = str(getattr(error, "message", error)).splitlines()[0]
        reason = reason.split("}} ")[-1].split(" [Op:")[0]
        raise UserError(f"cannot be decoded: {reason}") from error


def decode_tensor(encoded):
    """`decode` as an operation: a string scalar -> uint8 [h, w, 3]."""
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    return image


def upright(pixels, orientation):
    """[h, w, ...] pixels turned and mirrored as EXIF's orientation says."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def check_pixels(width, height, where, limit=MAX_PIXELS):
    """Refuses an image of more than `limit` pixels.

    Args:
      width, height: as a header says.
      where: the image's name, for the message.
      limit: number of pixels.

    Raises:
      UserError: it is larger.
    """
    if width * height <= limit:
        return
    raise UserError(
        f"{where}: {width}x{height} are {width * height / 1e6:.0f} million pixels, "
        f"above the limit of {limit / 1e6:g} million that keeps a small file from "
        "filling the memory. Scale the image down, or raise the limit "
        "(max_image_pixels of the input reader, --max-pixels of od-api detect and of "
        "od-api data convert)"
    )


def _not_an_image(encoded):
    if not encoded:
        return "is an empty file, not an image"
    if name := image_headers.name_other_format(encoded):
        return f"is {name}, which is not read: {_CURE}"
    return "is not an image (JPEG, PNG, GIF, BMP or WebP)"


def _fault(kind, encoded, image):
    if kind == "bmp":
        return image_headers.bmp_fault(encoded, image.mode)
    if kind == "gif":
        return image_headers.gif_fault(encoded)
    if kind == "webp" and image.is_animated:
        return "is an animated WebP"
    if kind == "webp" and image.mode == "RGBA":
        return "is a WebP with transparency"
    return None


def _orientation(kind, encoded, image):
    """EXIF's number, 1 where there is none or nonsense."""
    if kind == "png":
        # Pillow finds what stands behind the pixels only by decoding them.
        chunk = image_headers.png_chunk(encoded, b"eXIf")
        image.info.setdefault("exif", chunk)
    try:
        number = Image.Image.getexif(image).get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF raises all kinds, and spoils no pixel
        return 1
    return number if isinstance(number, int) and 1 <= number <= 8 else 1
