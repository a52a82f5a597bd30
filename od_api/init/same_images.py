"""Images that are there more than once, told by the bytes of their files."""

import hashlib
import os

from od_api.core.errors import UserError
from od_api.system.files import read_bytes


def digest_of(encoded):
    """bytes of an image file -> bytes that only copies of it share."""
    return hashlib.sha256(encoded).digest()


def content_of(item):
    """As `digest_of`, of a `LabelledImage` or of a `FoundRecord`.

    An image that cannot be read is like no other: who converts it says what is wrong.
    """
    digest = getattr(item, "digest", None)
    if digest is not None:
        return digest
    try:
        return digest_of(read_bytes(item.path, "image"))
    except UserError:
        return os.fsencode(item.path)


def classes_of(item):
    """Set of the names of the classes of an item's objects."""
    found = getattr(item, "classes", None)
    if found is not None:
        return set(found)
    # Names do not depend on the image's size.
    return {box.class_text for box in item.make_boxes(1, 1)}
