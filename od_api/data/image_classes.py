"""Classes of whole images in records: needed by a classifier, of no use to others."""

import collections

from od_api.data.class_names import quoted

_TEXT, _LABEL = "image/class/text", "image/class/label"
_CONFIDENCE = "image/class/confidence"
# Ids that metrics alone read.
_KNOWN = ("image/neg_category_ids", "image/not_exhaustive_category_ids")


class ImageClasses:
    """What a set of records says of whole images.

    Args:
      label_map: LabelMap.
      needed: a classifier reads the records: each image needs a class.

    Attributes:
      needed: as above.
      per_class: Counter of images that show it by name of the class.
    """

    def __init__(self, label_map, needed):
        self.needed = needed
        self.per_class = collections.Counter()
        self._label_map, self._records = label_map, 0

    def add(self, features):
        """Looks at a record; yields (severity, kind, detail) for what is wrong.

        Args:
          features: {key: list} of the record.
        """
        texts, labels = features.get(_TEXT, []), features.get(_LABEL, [])
        self._records += bool(texts or labels)
        for key in _KNOWN:
            unknown = sorted(set(features.get(key, [])) - set(self._label_map.ids))
            if unknown:
                detail = f"{key} has ids that are not in the label map: {unknown[:5]}"
                yield "warning", "unknown_id", detail
        if not self.needed:
            return
        if not (texts or labels):
            boxes = len(features.get("image/object/bbox/ymin", []))
            yield (
                "error",
                "no_image_class",
                f"has {boxes} boxes and neither {_LABEL} nor {_TEXT}: model.classifier "
                "learns classes of whole images; boxes are for the other models",
            )
        classes, look = (texts, self._text) if texts else (labels, self._number)
        confidences = features.get(_CONFIDENCE) or [1] * len(classes)
        yield from _faults(confidences, len(classes))
        for one, confidence in zip(classes, confidences, strict=False):
            yield from look(one, confidence > 0)

    def findings(self, boxes):
        """Yields what concerns the set as a whole, which has so many boxes."""
        if self._records and not (self.needed or boxes):
            yield (
                "error",
                "no_boxes_at_all",
                f"{self._records} records have a class of the image ({_LABEL} or "
                f"{_TEXT}), and no record has a box: model.classifier learns from "
                "these, and detectors from boxes",
            )

    def _text(self, raw, is_there):
        text = raw.decode(errors="replace")
        known = self._label_map.id_of(text)
        if known is None:
            yield (
                "error",
                "unknown_class",
                f"the class text {quoted(text)} of the image is not in the label map",
            )
        else:
            self.per_class[text] += is_there

    def _number(self, label, is_there):
        if label in self._label_map.ids:
            self.per_class[self._label_map.name(label)] += is_there
        else:
            detail = f"class id {label} of the image is not in the label map"
            yield "error", "unknown_id", detail


def _faults(confidences, count):
    """Yields what is wrong with the confidences of so many classes."""
    if len(confidences) != count:
        yield (
            "error",
            "list_lengths",
            f"has {len(confidences)} {_CONFIDENCE} for {count} classes of the image",
        )
    if not all(0 <= value <= 1 for value in confidences):
        detail = f"{_CONFIDENCE} has values outside 0..1: {confidences[:5]}"
        yield "error", "bad_value", detail
