"""COCO segmentations to masks, with what is malformed refused.

pycocotools trusts its input: a polygon with a missing number makes it take all memory,
and a run-length code of the wrong length writes where it should not. So everything is
checked before it gets there.
"""

import io

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from od_api.data.converters.numerals import LARGEST_SIDE

# 13 characters: more bits than the pixels of any image have.
_LARGEST_SHIFT = 60
# Of an image that is known from a mask alone.
_MOST_PIXELS = 2**28


def decode_mask(segmentation, width, height):
    """A mask, [height, width] uint8, 1 inside and 0 outside.

    Args:
      segmentation: list of polygons [x1, y1, x2, y2, ...] in pixels, or a run-length
        code {"size": [height, width], "counts": list or string}.
      width, height: of the image.

    Raises:
      ValueError: it is malformed.
    """
    if isinstance(segmentation, list):
        for polygon in segmentation:
            _check_polygon(polygon, width, height)
        if not segmentation:
            raise ValueError("it has no polygons")
        rles = coco_mask.frPyObjects(segmentation, height, width)
        return coco_mask.decode(coco_mask.merge(rles))
    counts = _counts(segmentation, width, height)
    # Columns first, beginning with zeros.
    values = np.arange(len(counts)) % 2
    flat = np.repeat(values, counts).astype(np.uint8)
    return flat.reshape(width, height).T


def box_around(segmentation):
    """(ymin, xmin, ymax, xmax) in pixels around a mask, floats; zeros of an empty one.

    Args:
      segmentation: as of `decode_mask`.

    Raises:
      ValueError: it is malformed.
    """
    if isinstance(segmentation, list):
        limit = LARGEST_SIDE
        for polygon in segmentation:
            _check_polygon(polygon, limit, limit)
        points = np.concatenate([np.reshape(p, (-1, 2)) for p in segmentation])
        (xmin, ymin), (xmax, ymax) = points.min(0), points.max(0)
        return float(ymin), float(xmin), float(ymax), float(xmax)
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    lengths = isinstance(size, list) and len(size) == 2
    if not (lengths and all(type(n) is int and n > 0 for n in size)):
        raise ValueError("its size is not [height, width]")
    if size[0] * size[1] > _MOST_PIXELS:
        raise ValueError(f"its size {size} is that of no image")
    rows, columns = np.nonzero(decode_mask(segmentation, size[1], size[0]))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    ends = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    return tuple(map(float, ends))


def encode_png(mask):
    """A mask as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(mask)).save(buffer, "PNG")
    return buffer.getvalue()


def _check_polygon(polygon, width, height):
    numbers = isinstance(polygon, list) and all(
        type(v) in (int, float) for v in polygon
    )
    if not numbers or len(polygon) < 6 or len(polygon) % 2:
        raise ValueError("a polygon needs x and y of three points or more, as numbers")
    # As far out as the image is large; memory grows with the outline's length.
    limit = max(width, height)
    if not all(-limit <= v <= 2 * limit for v in polygon):
        raise ValueError(f"a polygon leaves the image of {width}x{height} by far")


def _counts(code, width, height):
    """Lengths of the runs, which fill the image exactly."""
    if not isinstance(code, dict) or "counts" not in code:
        raise ValueError("it is neither a list of polygons nor a run-length code")
    if code.get("size") != [height, width]:
        raise ValueError(f"its size is {code.get('size')}, the image's {height, width}")
    counts = code["counts"]
    if isinstance(counts, str):
        counts = unpack_counts(counts)
    if not isinstance(counts, list) or not all(type(c) is int for c in counts):
        raise ValueError("its counts are neither a list of integers nor a string")
    if any(c < 0 for c in counts) or sum(counts) != width * height:
        raise ValueError(f"its counts do not add up to {width} x {height} pixels")
    return counts


def unpack_counts(text):
    """COCO's compressed run lengths as a list of integers.

    A character carries 5 bits of a number (lowest first) and, as bit 5, whether more
    follow; the last one's bit 4 is the sign. From the fourth number on, each is stored
    as the difference to the one two places before it.

    Raises:
      ValueError: the text breaks off or has other characters.
    """
    counts, value, shift = [], 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"its counts have the character {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            if shift > _LARGEST_SHIFT:
                raise ValueError("its counts have a number without end")
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("its counts break off")
    return counts
