"""Image files: finding them, and reading them as training reads its records."""

import pathlib

import numpy as np
from PIL import Image, ImageOps

from od_api.core.errors import UserError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}
# What Pillow raises for files that are no image, cut short, damaged or a bomb.
_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def find_images(paths):
    """The image files among `paths` and in the folders among them, sorted, each once.

    Raises:
      UserError: a path that does not exist, or no image at all.
    """
    files = []
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES)
            files += [p for p in inside if p.is_file()]
        elif path.is_file():
            files.append(path)
        else:
            raise UserError(f"there is no image or folder {path}")
    if not files:
        names = ", ".join(map(str, paths))
        raise UserError(f"no images ({', '.join(sorted(_SUFFIXES))}) in {names}")
    return list(dict.fromkeys(files))


def read_image(path):
    """uint8 [h, w, 3] pixels, turned upright as the camera noted.

    16-bit pixels keep their high byte and transparency is dropped, as in training.

    Raises:
      UserError: not an image.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                high = np.clip(np.asarray(upright).astype(np.int64) >> 8, 0, 255)
                upright = Image.fromarray(high.astype(np.uint8))
            return np.asarray(upright.convert("RGB"))
    except _ERRORS as error:
        raise UserError(f"{path} cannot be read as an image: {error}") from error
