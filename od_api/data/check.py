"""The validator: finds what is wrong with TFRecords before training does."""

import hashlib
import time

from google.protobuf.message import DecodeError

from od_api.data import record_checks as checks
from od_api.data import records
from od_api.data.findings import Report
from od_api.data.mask_checks import check_masks

# The fast form: a few seconds on a local disk, less than building a model.
_FAST_RECORDS = 2000
_FAST_IMAGES = 8
_FAST_SECONDS = 20.0


def check_records(paths, label_map, fast=False):
    """Reads TFRecords of tf.Examples and reports what is wrong with them.

    Errors: corrupt, wrong_type, no_image, undecodable, wrong_size, list_lengths,
    nan_box, swapped_box, degenerate_box, swapped_axes, out_of_range, no_class, id_zero,
    unknown_id, mask_size. Warnings: wrong_size (of the same shape), out_of_range (a
    little), tiny_box, id_zero (beside a known text), unknown_class, class_disagrees,
    duplicate_image, duplicate_source_id. Notes: no_boxes, empty_class,
    sequence_example, partial.

    Args:
      paths: list of files or patterns.
      label_map: the `LabelMap` that training will use.
      fast: looks at the first records of every file only, decodes few images and takes
        bounded time; a note tells how many were looked at.

    Returns:
      `findings.Report`.

    Raises:
      UserError: a pattern matches no file.
    """
    paths = [str(path) for path in records.expand(paths)]
    run = _Run(label_map, _FAST_IMAGES if fast else None)
    deadline = time.monotonic() + _FAST_SECONDS
    limit = -(-_FAST_RECORDS // len(paths)) if fast else None
    complete = True
    for path in paths:
        if fast and time.monotonic() > deadline:
            complete = False
            break
        complete &= run.file(path, limit)
    run.finish(complete, len(paths))
    return run.report


class _Run:
    """A report in the making, and what was seen so far."""

    def __init__(self, label_map, images_left):
        self.report = Report()
        self._label_map = label_map
        self._images_left = images_left
        self._first_image, self._first_id = {}, {}
        self._place = {}

    def file(self, path, limit):
        """Checks the first `limit` records of a file; False if there are more."""
        self.report.files += 1
        index = 0
        try:
            for record in records.read(path):
                if index == limit:
                    # Lengths alone tell whether the rest is there, without reading it.
                    records.count([path])
                    return False
                self._place = {"file": path, "record": index}
                self._record(record)
                index += 1
        except records.CorruptRecord as error:
            self._place = {"file": path}
            self._add("error", "corrupt", str(error).removeprefix(f"{path}: "))
            return False
        return True

    def finish(self, complete, num_files):
        """Adds what concerns the set as a whole."""
        self._place = {}
        if not complete:
            self._add(
                "note",
                "partial",
                f"looked at {self.report.records} records in {self.report.files} of "
                f"{num_files} files, the first ones of each",
            )
            return
        for class_id in self._label_map.ids:
            name = self._label_map.name(class_id)
            if not self.report.per_class[name]:
                self._add("note", "empty_class", f"class {name!r} has no box")

    def _record(self, record):
        self.report.records += 1
        try:
            features, wrong = checks.parse(record)
        except DecodeError:
            self._add("error", "corrupt", "is not a tf.Example")
            return
        self._place["source_id"] = _name(features)
        self._add_all(wrong)
        if not features.get("image/encoded") and checks.is_sequence_example(record):
            self._add("note", "sequence_example", "a sequence; it was not looked at")
            return
        size = self._image(features)
        boxes = checks.boxes_of(features)
        self._add_all(
            checks.check_lengths(features, None if boxes is None else len(boxes))
        )
        if boxes is not None:
            self._add_all(check_masks(features, len(boxes), size))
            self._add_all(checks.check_boxes(boxes, size))
            self.report.boxes += len(boxes)
            if not len(boxes):
                self._add("note", "no_boxes", "an image without objects")
        self._add_all(checks.check_classes(features, self._label_map))
        self._count_classes(features)

    def _image(self, features):
        """Checks the image; (height, width) as decoded, as stated, or None."""
        stated = tuple(
            next(iter(features.get(f"image/{side}", [])), None)
            for side in ("height", "width")
        )
        encoded = next(iter(features.get("image/encoded", [])), b"")
        if not encoded:
            self._add("error", "no_image", "image/encoded is missing or empty")
        else:
            digest = hashlib.sha256(encoded).digest()
            self._once(self._first_image, digest, "duplicate_image", "the same image")
            name = next(iter(features.get("image/source_id", [])), b"")
            if name:
                self._once(self._first_id, name, "duplicate_source_id", "the same id")
            actual = self._decode(encoded)
            if actual:
                self._add_all(checks.check_size(stated, actual))
                return actual
        return stated if all(stated) else None

    def _decode(self, encoded):
        if self._images_left == 0:
            return None
        if self._images_left is not None:
            self._images_left -= 1
        self.report.decoded += 1
        try:
            return checks.decode_size(encoded)
        except ValueError as error:
            self._add("error", "undecodable", str(error))
            return None

    def _once(self, seen, key, kind, what):
        if key in seen:
            first = seen[key]
            detail = f"{what} as {first['file']} record {first['record']}"
            self._add("warning", kind, detail)
        else:
            seen[key] = dict(self._place)

    def _count_classes(self, features):
        texts = features.get("image/object/class/text", [])
        labels = features.get("image/object/class/label", [])
        ids = [self._label_map.id_of(text.decode(errors="replace")) for text in texts]
        for class_id in ids if texts else labels:
            if class_id in self._label_map.ids:
                self.report.per_class[self._label_map.name(class_id)] += 1

    def _add(self, severity, kind, detail):
        self.report.add(severity, kind, detail, **self._place)

    def _add_all(self, findings):
        for severity, kind, detail in findings:
            self._add(severity, kind, detail)


def _name(features):
    """source_id, or else the file name, of a record."""
    for key in ("image/source_id", "image/filename"):
        values = features.get(key)
        if values and values[0]:
            return values[0].decode(errors="replace")
    return ""
