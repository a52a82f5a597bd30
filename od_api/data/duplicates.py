"""Records that hold the same image, or the same name, as one before."""

import hashlib


class Duplicates:
    """Remembers the images and source ids of records."""

    def __init__(self):
        self._images, self._ids = {}, {}

    def look(self, features, place):
        """Yields (severity, kind, detail), one finding for a record at most.

        Args:
          features: {key: list} of the record.
          place: {"file", "record"}.
        """
        encoded = next(iter(features.get("image/encoded", [])), b"")
        name = next(iter(features.get("image/source_id", [])), b"")
        same_image = same_name = None
        if encoded:
            digest = hashlib.sha256(encoded).digest()
            same_image = self._images.setdefault(digest, dict(place))
        if name:
            same_name = self._ids.setdefault(name, dict(place))
        if same_image and not _here(same_image, place):
            both = " and source_id" if same_image == same_name else ""
            detail = f"the same image{both} as {_worded(same_image)}"
            yield "warning", "duplicate_image", detail
        elif same_name and not _here(same_name, place):
            detail = f"the same source_id as {_worded(same_name)}, another image"
            yield "warning", "duplicate_source_id", detail


def _here(first, place):
    keys = ("file", "record")
    return all(first.get(key) == place.get(key) for key in keys)


def _worded(place):
    return f"{place['file']} record {place['record']}"
