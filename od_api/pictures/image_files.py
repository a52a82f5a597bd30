"""Image files: finding them, and reading them as training reads its records."""

import os
import pathlib

from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.pictures import decoding, image_headers
from od_api.system.files import read_bytes

# Endings of files that people take for images and that are not read.
OTHER_SUFFIXES = {
    *(".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".psd", ".svg", ".exr", ".hdr"),
    *(".pcx", ".dcm", ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"),
}
# So many bytes tell a format; so many names are said.
_HEAD, _SHOWN = 32, 10


def find_images(paths):
    """The image files among `paths` and in the folders among them, sorted, each once.

    What begins with a dot is no data: `.ipynb_checkpoints`, and `._a.jpg` of macOS.
    A warning names what looks like an image and is not read, and sub-folders that hold
    images.

    Args:
      paths: files, which are taken whatever they hold, and folders.

    Raises:
      UserError: a path that does not exist, or no image at all.
    """
    files, left_out = [], []
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            inside, others = _look_through(path)
            files += inside
            left_out += others
        elif os.path.lexists(path):
            files.append(path)
        else:
            raise UserError(f"there is no image or folder {printable(path)}")
    said = _left_out(left_out)
    if not files:
        names = printable(", ".join(map(str, paths)))
        kinds = ", ".join(sorted(decoding.SUFFIXES))
        raise UserError(f"no images ({kinds}) in {names}{said and f'; {said}'}")
    if said:
        logging.warning("%s", said)
    return list(dict.fromkeys(files))


def read_image(path, max_pixels=decoding.MAX_PIXELS):
    """uint8 [h, w, 3] pixels as training sees them, turned upright as EXIF says.

    Args:
      path: of a file.
      max_pixels: a larger image is refused before it is decoded.

    Raises:
      UserError: no file, not an image, too large, or of a kind that is not read.
    """
    return read_encoded(read_bytes(path, "image"), printable(path), max_pixels)


def read_encoded(encoded, name, max_pixels=decoding.MAX_PIXELS):
    """`read_image` of the bytes of a file that errors call `name`."""
    try:
        header = decoding.look(encoded)
        decoding.check_pixels(header.width, header.height, name, max_pixels)
        return decoding.upright(decoding.decode(encoded), header.orientation)
    except UserError as error:
        said = str(error)
        raise UserError(said if said.startswith(name) else f"{name}: {said}") from error


def _look_through(folder):
    """(images of a folder, what is left out of it: files and sub-folders), sorted."""
    files, left_out = [], []
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if count := _count_images(path):
                left_out.append(f"{path.name}/ ({count} images)")
        elif path.is_file() and (suffix in decoding.SUFFIXES or _is_image(path)):
            files.append(path)
        elif suffix in decoding.SUFFIXES or suffix in OTHER_SUFFIXES:
            left_out.append(path.name)
    return files, left_out


def _count_images(folder):
    """How many files of a folder, and of those in it, look like images by name."""
    count = 0
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        shown = [name for name in names if not name.startswith(".")]
        suffixes = [os.path.splitext(name)[1].lower() for name in shown]
        count += sum(s in decoding.SUFFIXES or s in OTHER_SUFFIXES for s in suffixes)
    return count


def _is_image(path):
    """Whether a file of another name is an image that can be read."""
    try:
        with open(path, "rb") as file:
            kind = image_headers.format_of(file.read(_HEAD))
    except OSError:
        return False
    # Any text may begin with the two letters of a BMP.
    return kind not in (None, "bmp")


def _left_out(names):
    """What to say about files and folders that are not read; "" for none."""
    if not names:
        return ""
    shown = ", ".join(names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
    return (
        f"{len(names)} left out: {printable(shown)} (JPEG, PNG, GIF, BMP and WebP "
        "files are read, and of sub-folders those that are named)"
    )
