"""What can be wrong with the image of one tf.Example."""

from od_api.core.errors import UserError
from od_api.pictures import decoding, raw_images


class ImageChecks:
    """Looks at every image's header, and decodes some.

    Args:
      limit: images to decode; None for all.
      max_pixels: larger ones are refused.

    Attributes:
      decoded: images that were decoded so far.
      decodes: whether the last image was decoded.
    """

    def __init__(self, limit=None, max_pixels=decoding.MAX_PIXELS):
        self._max_pixels = max_pixels
        self._limit = float("inf") if limit is None else limit
        self.decoded, self.decodes = 0, False

    def look(self, features):
        """((height, width) as stored, as stated or None; list of findings)."""
        stated = tuple(
            next(iter(features.get(f"image/{side}", [])), None)
            for side in ("height", "width")
        )
        known = stated if all(stated) else None
        encoded = next(iter(features.get("image/encoded", [])), b"")
        self.decodes = self.decoded < self._limit
        if not encoded:
            return known, [("error", "no_image", "image/encoded is missing or empty")]
        if raw_images.is_raw(next(iter(features.get("image/format", [])), b"")):
            return known, [*self._raw(encoded, known)]
        try:
            header = decoding.look(encoded)
            size = header.width, header.height
            decoding.check_pixels(*size, "the image", self._max_pixels)
            if self.decodes:
                self.decoded += 1
                decoding.decode(encoded)
        except UserError as error:
            return known, [("error", "undecodable", str(error))]
        actual = header.height, header.width
        return actual, [*_orientation(header), *_size(stated, actual)]

    def _raw(self, encoded, size):
        try:
            raw_images.check_raw(encoded, size)
            decoding.check_pixels(*size[::-1], "the image", self._max_pixels)
        except UserError as error:
            yield "error", "undecodable", str(error)


def _orientation(header):
    if header.orientation != 1:
        detail = (
            f"EXIF orientation {header.orientation}: training takes the pixels as they "
            "are stored, turned; boxes must be those of the stored pixels (od-api data "
            "convert writes images upright)"
        )
        yield "warning", "orientation", detail


def _size(stated, actual):
    """The record's height and width against the image's, both (height, width)."""
    if stated == actual or None in stated:
        return
    detail = (
        f"the record says {stated[1]}x{stated[0]}, the image is {actual[1]}x{actual[0]}"
    )
    if stated == actual[::-1]:
        detail += ": width and height are swapped"
    if min(stated) < 1:
        yield "error", "wrong_size", detail
        return
    # Normalised boxes outlive a change of size that keeps the shape.
    same_shape = abs(stated[0] * actual[1] - stated[1] * actual[0]) <= max(*actual)
    yield "warning" if same_shape else "error", "wrong_size", detail
