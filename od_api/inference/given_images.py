"""Images as Python programs have them: paths, arrays, PIL images, files' bytes."""

import collections.abc
import os
import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.pictures import decoding
from od_api.pictures.image_files import find_images, read_encoded, read_image

_FORMS = (
    "an image is a path, a PIL image, the bytes of a file, or an array uint8 "
    "[height, width, 3] with red first"
)
_CHANNELS = (1, 3, 4)


class GivenImage(NamedTuple):
    """One of them.

    Attributes:
      pixels: uint8 [H, W, 3], upright.
      name: in messages.
      path: of its file; None without one.
    """

    pixels: np.ndarray
    name: str
    path: pathlib.Path | None = None


def is_one(images):
    """Whether this is one image, and not several or a folder."""
    if isinstance(images, str | os.PathLike):
        return not _is_folder(images)
    if isinstance(images, bytes | Image.Image):
        return True
    return hasattr(images, "__array__") and np.ndim(images) != 4


def each_image(images, max_pixels=decoding.MAX_PIXELS):
    """Yields the GivenImage of each, one after the other.

    Args:
      images: an image, a batch [N, height, width, 3], a folder, or several of these.
        Arrays may be gray ([height, width] or one channel) or have a fourth channel,
        which is dropped like the transparency of files.
      max_pixels: files of more are refused before they are decoded.

    Raises:
      UserError: one is no image, or not of a kind that can be told.
    """
    if is_one(images):
        yield _given(images, "the image", max_pixels)
    elif isinstance(images, str | os.PathLike):
        for path in find_images([images]):
            yield _given(path, printable(path), max_pixels)
    elif isinstance(images, collections.abc.Iterable) and not isinstance(images, dict):
        for index, image in enumerate(images):
            if is_one(image):
                yield _given(image, f"images[{index}]", max_pixels)
            elif isinstance(image, list | tuple):
                raise UserError(
                    f"images[{index}] is a {type(image).__name__}: {_FORMS}"
                )
            else:
                yield from each_image(image, max_pixels)
    else:
        raise UserError(f"images is a {type(images).__name__}: {_FORMS}")


def _is_folder(path):
    try:
        return pathlib.Path(path).is_dir()
    except ValueError:  # no path has such a character
        return False


def _given(image, name, max_pixels):
    if isinstance(image, str | os.PathLike):
        path = pathlib.Path(image)
        return GivenImage(read_image(path, max_pixels), printable(path), path)
    if isinstance(image, bytes):
        return GivenImage(read_encoded(image, name, max_pixels), name)
    if isinstance(image, Image.Image):
        return GivenImage(_pixels_of(image, name, max_pixels), name)
    return GivenImage(_three_channels(np.asarray(image), name), name)


def _pixels_of(image, name, max_pixels):
    """A PIL image as `decoding.decode` would give it, upright."""
    decoding.check_pixels(*image.size, name, max_pixels)
    if image.mode in ("F", "I"):
        raise UserError(
            f"{name} is a PIL image of mode {image.mode}, whose range of values is not "
            'known: bring it to 0..255 and convert it to "RGB"'
        )
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception as error:  # each reader of Pillow has errors of its own
        reason = printable(str(error) or type(error).__name__)
        raise UserError(f"{name} cannot be decoded: {reason}") from error
    if upright.mode.startswith("I;16"):
        # 16 bits keep their high byte, as those of files do.
        return _three_channels((np.asarray(upright) >> 8).astype(np.uint8), name)
    return _three_channels(np.asarray(upright.convert("RGB")), name)


def _three_channels(pixels, name):
    if pixels.dtype != np.uint8:
        raise UserError(
            f"{name} is an array of {pixels.dtype}: give it as uint8, 0 to 255 (of "
            "floats from 0 to 1: (255 * image).astype('uint8'))"
        )
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    shape = pixels.shape
    if len(shape) != 3 or shape[-1] not in _CHANNELS or 0 in shape:
        raise UserError(
            f"{name} is an array of shape {shape}: it must be [height, width, 3], or a "
            "batch of them [N, height, width, 3]"
        )
    if shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return np.ascontiguousarray(pixels[..., :3])
