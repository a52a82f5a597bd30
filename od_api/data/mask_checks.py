"""What can be wrong with the masks of one tf.Example: their number, kind and size."""

from od_api.core.errors import UserError
from od_api.pictures import decoding

_KEY = "image/object/mask"


def check_masks(features, num_boxes, size, decode=True, needed=False):
    """Masks against boxes and image; yields (severity, kind, detail).

    A record without masks has nothing wrong, unless they are needed.

    Args:
      features: {key: list} of the record.
      num_boxes: boxes of the record.
      size: (height, width) of the image in pixels; None if unknown.
      decode: decodes PNG masks; otherwise only their headers are read.
      needed: whether the reader loads masks.
    """
    masks = features.get(_KEY, [])
    if not masks:
        if needed and num_boxes:
            yield "error", "list_lengths", f"{num_boxes} boxes without {_KEY}"
        return
    if isinstance(masks[0], int):
        detail = f"{_KEY} is int64_list, not bytes_list (PNG) or float_list"
        yield "error", "wrong_type", detail
    elif isinstance(masks[0], float):
        yield from _check_numbers(len(masks), num_boxes, size)
    elif len(masks) != num_boxes:
        yield "error", "list_lengths", f"{_KEY} has {len(masks)}, boxes {num_boxes}"
    else:
        for index, png in enumerate(masks):
            yield from _check_png(f"mask {index}", png, size, decode)


def _check_numbers(count, num_boxes, size):
    """All masks of a record are one list, with a number for each pixel."""
    if size is None:
        return
    height, width = size
    if count != num_boxes * height * width:
        yield (
            "error",
            "mask_size",
            f"{_KEY} has {count} numbers; {num_boxes} boxes in an image of "
            f"{width}x{height} need {num_boxes * height * width}",
        )


def _check_png(name, encoded, size, decode):
    try:
        header = decoding.look(encoded)
        height, width = header.height, header.width
        decoding.check_pixels(width, height, name)
        if decode:
            decoding.decode(encoded)
    except UserError as error:
        yield "error", "undecodable", f"{name}: {error}"
        return
    if header.format != "png":
        detail = f"{name} is {header.format.upper()}, not PNG: its edges may be blurred"
        yield "warning", "mask_kind", detail
    elif _is_16_bit(encoded):
        detail = f"{name} has 16-bit pixels, of which values below 256 become 0"
        yield "error", "mask_kind", detail
    if size is not None and (height, width) != tuple(size):
        detail = f"{name} is {width}x{height}, the image {size[1]}x{size[0]}"
        yield "error", "mask_size", detail


def _is_16_bit(png):
    """The bit depth stands behind the header's width and height."""
    return png[24] == 16
