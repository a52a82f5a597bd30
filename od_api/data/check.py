"""The validator: finds what is wrong with TFRecords before training does."""

import time

import numpy as np
from google.protobuf.message import DecodeError

from od_api.data import record_checks as checks
from od_api.data import records
from od_api.data.class_checks import ClassTally
from od_api.data.duplicates import Duplicates
from od_api.data.findings import Report
from od_api.data.ignored_boxes import count_ignored, ignored_flags
from od_api.data.image_checks import ImageChecks
from od_api.data.image_classes import ImageClasses
from od_api.data.keypoint_checks import check_keypoints
from od_api.data.mask_checks import check_masks
from od_api.data.read_errors import FAILURES, reason_of
from od_api.data.tf_example import example_parser
from od_api.protos import input_reader_pb2

# The fast form: a few seconds on a local disk, less than building a model.
_FAST_RECORDS = 2000
# Records that are made of images, each of which is decoded for it.
_FAST_MADE = 200
_FAST_IMAGES = 8
_FAST_SECONDS = 20.0


def check_records(paths, label_map, fast=False, *, reader=None, training=True):
    """Reads TFRecords of tf.Examples and reports what is wrong with them.

    Errors: corrupt, no_records, wrong_type, value_count, no_image, undecodable,
    wrong_size, list_lengths, bad_value, nan_box, swapped_box, degenerate_box,
    swapped_axes, out_of_range, no_class, id_zero, unknown_id, unknown_class (many
    boxes, or all of a class), mask_size, mask_kind. Warnings: wrong_size (of the same
    shape), out_of_range (a little), tiny_box, id_zero (beside a known text),
    unknown_class (few boxes), class_disagrees, orientation,
    duplicate_image, duplicate_source_id. Notes: no_boxes, empty_class, too_many_boxes,
    ignored_boxes, unknown_class (on purpose), empty_file, sequence_example, partial.

    Args:
      paths: list of files or patterns.
      label_map: the `LabelMap` that training will use.
      fast: looks at some records of every file only, decodes few images and takes
        bounded time; a note tells how many were looked at.
      reader: the InputReader message that reads them; one with the schema's defaults
        otherwise.
      training: whether it trains, which takes max_number_of_boxes of an image.

    Returns:
      `findings.Report`.

    Raises:
      UserError: a pattern matches no file.
    """
    paths = records.expand(paths)
    reader = reader or input_reader_pb2.InputReader()
    run = _Run(label_map, reader, training, _FAST_IMAGES if fast else None)
    deadline = time.monotonic() + _FAST_SECONDS if fast else float("inf")
    limit = _limit(paths) if fast else None
    complete = True
    for path in paths:
        if time.monotonic() > deadline:
            complete = False
            break
        complete &= run.file(path, limit, deadline)
    run.finish(complete, len(paths))
    return run.report


def _limit(paths):
    """How many records of each file the fast form looks at."""
    of_all = _FAST_RECORDS if records.source_in(paths) is None else _FAST_MADE
    return -(-of_all // len(paths))


def errors_in(record, label_map, reader):
    """Why training refuses a serialized record: the details of its errors.

    Args:
      record: bytes.
      label_map: LabelMap.
      reader: as `check_records`.
    """
    run = _Run(label_map, reader, training=True, images_left=None)
    run.record(record, {})
    return [finding.detail for finding in run.report.errors]


class _Run:
    """A report in the making, and what was seen so far."""

    def __init__(self, label_map, reader, training, images_left):
        self.report = Report()
        self._reader = reader
        self._classes = ClassTally(label_map, reader.drop_unknown_classes)
        self._image_classes = ImageClasses(label_map, reader.load_image_classes)
        self._images = ImageChecks(images_left, reader.max_image_pixels)
        self._duplicates = Duplicates()
        self._most = reader.max_number_of_boxes if training else float("inf")
        self._ignored_flags = ignored_flags(reader) if training else ()
        self._crowded = self._cut = self._ignored = self._errors = 0
        self._parse = example_parser(reader)
        self._place = {}

    def file(self, path, limit, deadline):
        """Checks up to `limit` records, spread over a file; False if there are more."""
        self.report.files += 1
        self._place = {"file": path}
        offsets, fault = records.find(path, go_on=lambda: time.monotonic() < deadline)
        chosen = _spread(len(offsets), limit)
        try:
            for index, record in _read(path, offsets, chosen):
                if time.monotonic() > deadline:
                    return False
                self.record(record, {"file": path, "record": index})
            self._place = {"file": path}
            if fault:
                raise fault
        except records.CorruptRecord as error:
            self._place = {"file": path}
            self._add("error", "corrupt", str(error).removeprefix(f"{path}: "))
            return False
        if not offsets:
            self._add("note", "empty_file", "has no records")
        return len(chosen) == len(offsets)

    def finish(self, complete, num_files):
        """Adds what concerns the set as a whole."""
        report, self._place = self.report, {}
        if not self._image_classes.needed:
            for severity, kind, detail, place in self._classes.findings(complete):
                report.add(severity, kind, detail, **place)
        report.per_class = self._classes.per_class
        if self._image_classes.needed:
            report.per_class = self._image_classes.per_class
        self._add_all(self._image_classes.findings(report.boxes))
        report.decoded = self._images.decoded
        if self._crowded:
            self._add(
                "note",
                "too_many_boxes",
                f"{self._crowded} records have more boxes than max_number_of_boxes "
                f"({self._most}): training leaves out {self._cut} of {report.boxes} "
                "boxes",
            )
        if self._ignored:
            self._add(
                "note",
                "ignored_boxes",
                f"{self._ignored} of {report.boxes} boxes have "
                f"{' or '.join(self._ignored_flags)}: training takes them neither for "
                "objects nor for background (crowd_boxes and ignore_difficult of the "
                "input reader)",
            )
        if not complete:
            self._add(
                "note",
                "partial",
                f"looked at {report.records} records in {report.files} of "
                f"{num_files} files, spread over each",
            )
        elif not report.records:
            self._add("error", "no_records", f"no record in {num_files} files")

    def record(self, record, place):
        """Checks one serialized record."""
        self._place = place
        self.report.records += 1
        errors = self._errors
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
        self._add_all(checks.check_single(features))
        size, findings = self._images.look(features)
        self._add_all(findings)
        self._add_all(self._duplicates.look(features, self._place))
        self._boxes(features, size)
        self._add_all(self._classes.add(features, self._place))
        self._add_all(self._image_classes.add(features))
        if self._errors == errors:
            # Whatever else TensorFlow's own parser may not take.
            try:
                self._parse(record)
            except FAILURES as error:
                self._add("error", "corrupt", reason_of(error))

    def _boxes(self, features, size):
        boxes = checks.boxes_of(features)
        count = None if boxes is None else len(boxes)
        self._add_all(checks.check_lengths(features, count))
        self._add_all(checks.check_values(features))
        if boxes is None:
            return
        decodes = self._images.decodes
        needed = self._reader.load_instance_masks
        self._add_all(check_masks(features, count, size, decodes, needed))
        self._add_all(check_keypoints(features, count, self._reader.num_keypoints))
        self._add_all(checks.check_boxes(boxes, size))
        self.report.boxes += count
        self._ignored += count_ignored(features, self._ignored_flags, count)
        if count > self._most:
            self._crowded += 1
            self._cut += count - self._most
        if not count and not self._image_classes.needed:
            self._add("note", "no_boxes", "an image without objects")

    def _add(self, severity, kind, detail):
        self._errors += severity == "error"
        self.report.add(severity, kind, detail, **self._place)

    def _add_all(self, findings):
        for severity, kind, detail in findings:
            self._add(severity, kind, detail)


def _spread(count, limit):
    """Indices of up to `limit` of `count` records, evenly spread from the first on."""
    if limit is None or count <= limit:
        return range(count)
    return np.linspace(0, count - 1, limit).astype(int).tolist()


def _read(path, offsets, chosen):
    """Yields (index, record) of the chosen ones."""
    if len(chosen) == len(offsets):
        yield from enumerate(records.read(path, len(offsets)))
    else:
        found = records.read_at(path, [offsets[i] for i in chosen], chosen)
        yield from zip(chosen, found, strict=True)


def _name(features):
    """source_id, or else the file name, of a record."""
    for key in ("image/source_id", "image/filename"):
        values = features.get(key)
        if values and values[0]:
            return values[0].decode(errors="replace")
    return ""
