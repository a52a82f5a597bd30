"""The classes of records against a label map: a name written otherwise loses boxes.

Limits. A box whose class text the label map lacks is left out of training and
evaluation. That is an error where it happens to more than 1 % of the boxes, or where
the text is nearly that of a class which then has no box at all.
"""

import collections

from od_api.core.printable import printable
from od_api.data.class_names import did_you_mean, quoted

# Share of the boxes that may have unknown classes.
_SHARE = 0.01
# So many names are spelt out.
_NAMED = 10
_CURE = (
    ". Write the names alike, or say drop_unknown_classes (of the input reader; "
    "--drop-unknown-classes of od-api data check) if these boxes are to be left out"
)


class ClassTally:
    """What the boxes of a set of records are, as training will see them.

    Texts decide, as in training; the ids count in a record without texts.

    Args:
      label_map: the `LabelMap`.
      drop_unknown: unknown texts are meant to be left out, so they are a note.

    Attributes:
      per_class: Counter of boxes by name of the class.
    """

    def __init__(self, label_map, drop_unknown=False):
        self.per_class = collections.Counter()
        self._label_map, self._drop_unknown = label_map, drop_unknown
        self._ids = frozenset(label_map.ids)
        self._seen, self._boxes = collections.Counter(), 0
        self._unknown, self._first = collections.Counter(), {}

    def add(self, features, place):
        """Counts a record's boxes; yields (severity, kind, detail) for each bad one.

        Args:
          features: {key: list} of the record.
          place: {"file", "record", "source_id"}, kept for the first box of a text.
        """
        texts = features.get("image/object/class/text", [])
        labels = features.get("image/object/class/label", [])
        self._boxes += len(texts) or len(labels)
        for index in range(len(texts) or len(labels)):
            label = labels[index] if index < len(labels) else None
            if not texts:
                yield from self._number(f"box {index}", label)
            else:
                yield from self._text(f"box {index}", texts[index], label, place)

    def findings(self, complete):
        """Yields (severity, kind, detail, place) of the set as a whole.

        Args:
          complete: whether all records were looked at.
        """
        too_many = sum(self._unknown.values()) > _SHARE * self._boxes
        for raw, count in self._unknown.most_common():
            yield self._about_unknown(raw, count, too_many)
        missing = [n for i, n in self._names() if not self._seen[i]]
        if complete and missing:
            shown = ", ".join(quoted(name) for name in missing[:_NAMED])
            more = f" and {len(missing) - _NAMED} more" if missing[_NAMED:] else ""
            what = "class" if len(missing) == 1 else "classes"
            yield "note", "empty_class", f"no box of the {what} {shown}{more}", {}

    def _names(self):
        return zip(self._label_map.ids, self._label_map.names, strict=True)

    def _count(self, class_id):
        self._seen[class_id] += 1
        self.per_class[self._label_map.name(class_id)] += 1

    def _number(self, box, label):
        if label in self._ids:
            self._count(label)
        elif label == 0:
            detail = f"{box}: class id 0; ids start at 1, 0 means background"
            yield "error", "id_zero", detail
        else:
            detail = f"{box}: class id {label} is not in the label map{self._of_file()}"
            severity = "note" if self._drop_unknown else "error"
            yield severity, "unknown_id", detail

    def _text(self, box, raw, label, place):
        text, is_utf8 = _decoded(raw)
        known = self._label_map.id_of(text) if is_utf8 else None
        if known is None:
            self._unknown[raw] += 1
            self._first.setdefault(raw, dict(place))
            return
        self._count(known)
        if label == 0:
            detail = f"{box}: class id 0; ids start at 1, 0 means background"
            yield "warning", "id_zero", detail
        elif label is not None and label != known:
            detail = (
                f"{box}: id {label}, but {quoted(text)} is {known} in the label map"
            )
            yield "warning", "class_disagrees", detail

    def _about_unknown(self, raw, count, too_many):
        text, is_utf8 = _decoded(raw)
        near = self._label_map.nearest(text)
        loses_all = near is not None and not self._seen[self._label_map.id_of(near)]
        severity = "error" if too_many or loses_all else "warning"
        if self._drop_unknown:
            severity = "note"
        name = quoted(text) if is_utf8 else f"{raw!r}, which is no UTF-8,"
        where = f"the label map{self._of_file()}"
        detail = (
            f"the class text {name} is not in {where}: "
            f"{count} of {self._boxes} boxes are dropped"
            f"{did_you_mean(text, near)}"
        )
        cure = _CURE if severity == "error" else ""
        return severity, "unknown_class", detail + cure, self._first[raw]

    def _of_file(self):
        return f" {printable(self._label_map.path)}" if self._label_map.path else ""


def _decoded(raw):
    """(text, whether it is UTF-8); other text is taken for Windows-1252."""
    try:
        return raw.decode(), True
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), False
