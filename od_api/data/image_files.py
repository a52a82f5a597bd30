"""Reading an image file for a data set, and comparing it with its annotation."""

import io

from PIL import Image

from od_api.core.errors import UserError

# What TensorFlow's decode_image reads, by Pillow's names.
_FORMATS = {"JPEG": "jpeg", "PNG": "png", "GIF": "gif", "BMP": "bmp"}
_EXIF_ORIENTATION = 0x0112


def read_image(image):
    """Reads and decodes the file of a `LabelledImage`.

    Returns:
      (bytes, format as in records, (width, height)).

    Raises:
      UserError: it is missing, broken, of a format that TensorFlow cannot read, or its
        size is not the annotated one.
    """
    if not image.path.is_file():
        raise UserError(f"{image.where}: its image {image.path} does not exist")
    encoded = image.path.read_bytes()
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            picture.load()
            size, kind = picture.size, picture.format
            turned = picture.getexif().get(_EXIF_ORIENTATION, 1) >= 5
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{image.path}: cannot be decoded: {error}") from error
    if kind not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise UserError(f"{image.path}: is {kind}; convert it to one of {known}")
    _check_size(image, size, turned)
    return encoded, _FORMATS[kind], size


def _check_size(image, size, turned):
    annotated = (image.width or size[0], image.height or size[1])
    if annotated == size:
        return
    said = f"{annotated[0]}x{annotated[1]}"
    message = f"{image.where}: says {said}, but {image.path} is {size[0]}x{size[1]}"
    if annotated == size[::-1] and turned:
        message += (
            ". The file is stored lying and turned by its EXIF tag, which TensorFlow "
            "does not follow: save it upright"
        )
    elif annotated == size[::-1]:
        message += ". Width and height are swapped in the annotation"
    else:
        message += ". The image was resized after annotation, or it is another image"
    raise UserError(message)
