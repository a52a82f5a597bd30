"""Ids by which evaluators tell images apart, one for every record."""

from absl import logging

from od_api.core.printable import printable

# So many names are spelt out.
_NAMED = 3


class ImageIds:
    """Gives every image of an evaluation a number of its own.

    An image keeps its id, a hash of its name, unless an earlier one has it: two records
    with one source_id are two images, and so are two names of one hash.
    """

    def __init__(self):
        self._names, self._repeated, self._next = {}, {}, 0

    def of(self, image_id, source_id):
        """The id that an image counts under.

        Args:
          image_id: int, the hash of `source_id`.
          source_id: bytes.
        """
        if image_id not in self._names:
            self._names[image_id] = source_id
            return image_id
        if self._names[image_id] == source_id:
            self._repeated[source_id] = self._repeated.get(source_id, 0) + 1
        while self._next in self._names:
            self._next += 1
        self._names[self._next] = None
        return self._next

    def report(self):
        """Logs which names several records have, if any do."""
        if not self._repeated:
            return
        names = list(self._repeated)
        shown = ", ".join(printable(name) for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
        logging.warning(
            "%d images have the source_id of one before them (%s%s): each of them "
            "counts, but reports cannot tell them apart",
            sum(self._repeated.values()),
            shown,
            more,
        )
