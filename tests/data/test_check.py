"""The validator: one defect at a time, then the real data with its known defects."""

import json
import pathlib
import re
from xml.etree import ElementTree

import data_set_kit as kit
import pytest
import tensorflow as tf
from PIL import Image

from od_api.data import check
from od_api.data.label_map import LabelMap
from od_api.protos import input_reader_pb2

WIDTH, HEIGHT = 80, 60
LABELS = LabelMap.from_names(["cat", "dog"])
PICTURE = kit.picture(WIDTH, HEIGHT)


def _features(**changes):
    """A good record with one cat and one dog; `changes` by the keys' last parts."""
    features = {
        "image/encoded": [PICTURE],
        "image/format": [b"jpeg"],
        "image/source_id": [b"a"],
        "image/height": [HEIGHT],
        "image/width": [WIDTH],
        "image/object/bbox/ymin": [0.1, 0.0],
        "image/object/bbox/xmin": [0.2, 0.0],
        "image/object/bbox/ymax": [0.5, 1.0],
        "image/object/bbox/xmax": [0.6, 1.0],
        "image/object/class/text": [b"cat", b"dog"],
        "image/object/class/label": [1, 2],
    }
    for name, value in changes.items():
        keys = [key for key in features if key.endswith(f"/{name}")]
        features[keys[0] if keys else f"image/object/{name}"] = value
    return features


def _serialized(features):
    kinds = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    example = tf.train.Example()
    for key, values in features.items():
        if values:
            feature = example.features.feature[key]
            getattr(feature, kinds[type(values[0])]).value.extend(values)
    return example.SerializeToString()


@pytest.fixture
def run(tmp_path):
    """Writes records (features or bytes) to one file and checks it."""
    path = str(tmp_path / "x.record")

    def run(*records, cut=0, label_map=LABELS, **settings):
        with tf.io.TFRecordWriter(path) as writer:
            for record in records:
                raw = isinstance(record, bytes)
                writer.write(record if raw else _serialized(record))
        if cut:
            content = pathlib.Path(path).read_bytes()
            pathlib.Path(path).write_bytes(content[:-cut])
        return check.check_records([path], label_map, **settings)

    return run


def _found(report):
    return [(f.severity, f.kind) for f in report.findings]


def test_a_good_record_has_no_findings(run):
    report = run(_features())
    assert report.findings == []
    assert (report.records, report.files, report.decoded, report.boxes) == (1, 1, 1, 2)
    assert report.per_class == {"cat": 1, "dog": 1}


def test_ignored_boxes_are_counted_for_training(run):
    """A crowd of two boxes, and one of two that is difficult."""
    records = _features(is_crowd=[1, 0]), _features(difficult=[0, 1], source_id=[b"b"])
    (finding,) = [f for f in run(*records).findings if f.kind == "ignored_boxes"]
    assert finding.severity == "note"
    assert finding.detail.startswith("1 of 4 boxes have is_crowd or group_of: training")
    old = input_reader_pb2.InputReader(crowd_boxes="TRAIN")
    for how in ({"reader": old}, {"training": False}):
        assert "ignored_boxes" not in [f.kind for f in run(*records, **how).findings]


@pytest.mark.parametrize(
    ("changes", "severity", "kind", "detail"),
    [
        ({"xmax": [0.2, 1.0]}, "error", "degenerate_box", "xmin=0.2 ymax=0.5 xmax=0.2"),
        ({"ymax": [0.05, 1.0]}, "error", "swapped_box", "maximum is below its minimum"),
        ({"ymin": [0.1, float("nan")]}, "error", "nan_box", "box 1 ymin=nan"),
        ({"xmax": [0.6, float("inf")]}, "error", "nan_box", "xmax=inf"),
        ({"xmax": [0.6, 1.05]}, "warning", "out_of_range", "xmax=1.05"),
        ({"ymax": [0.5, 1.2]}, "error", "out_of_range", "by more than 0.1"),
        ({"xmin": [0.2, -0.2]}, "error", "out_of_range", "xmin=-0.2"),
        ({"xmax": [48.0, 1.0]}, "error", "out_of_range", "pixels?"),
        # 80 pixels divided by 60 instead of 80: 1.333, and 45 of 60 by 80: 0.5625.
        (
            {"xmax": [0.6, 80 / 60], "ymax": [0.5, 0.5625]},
            "error",
            "swapped_axes",
            "width and height of the image are swapped",
        ),
        ({"xmax": [0.21, 1.0]}, "warning", "tiny_box", "less than a pixel"),
        ({"text": [], "label": [0, 2]}, "error", "id_zero", "ids start at 1"),
        ({"label": [0, 2]}, "warning", "id_zero", "ids start at 1"),
        ({"text": [], "label": [1, 3]}, "error", "unknown_id", "class id 3"),
        ({"text": [b"cat", b"cow"]}, "error", "unknown_class", "'cow'"),
        ({"text": [b"cat", b""]}, "error", "unknown_class", "''"),
        ({"label": [2, 2]}, "warning", "class_disagrees", "id 2, but 'cat' is 1"),
        ({"text": [], "label": []}, "error", "no_class", "without class text or label"),
        ({"text": [b"cat"]}, "error", "list_lengths", "text has 1, boxes 2"),
        ({"xmax": [0.6]}, "error", "list_lengths", "ymin 2, xmin 2, ymax 2, xmax 1"),
        ({"area": [1.0]}, "error", "list_lengths", "area has 1, boxes 2"),
        (
            {"label": [1.0, 2.0]},
            "error",
            "wrong_type",
            "label is float_list, not int64",
        ),
        ({"encoded": [b""]}, "error", "no_image", "missing or empty"),
        ({"encoded": [b"no image"]}, "error", "undecodable", ""),
        ({"encoded": [PICTURE[:900]]}, "error", "undecodable", ""),
        ({"width": [60], "height": [80]}, "error", "wrong_size", "60x80.*swapped"),
        ({"width": [90]}, "error", "wrong_size", "says 90x60, the image is 80x60"),
        ({"width": [160], "height": [120]}, "warning", "wrong_size", "says 160x120"),
    ],
)
def test_one_defect(run, changes, severity, kind, detail):
    report = run(_features(), _features(source_id=[b"bad"], **changes))
    bad = [f for f in report.findings if f.kind != "duplicate_image"]
    assert [(f.severity, f.kind) for f in bad] == [(severity, kind)]
    assert (bad[0].record, bad[0].source_id) == (1, "bad")
    assert bad[0].file.endswith("x.record")
    assert re.search(detail, bad[0].detail)


def test_rounding_is_not_a_finding(run):
    assert run(_features(xmax=[0.6, 1.00005], ymin=[0.1, -0.00005])).findings == []


def test_text_alone_and_label_alone_are_enough(run):
    assert run(_features(text=[])).per_class == {"cat": 1, "dog": 1}
    assert run(_features(label=[])).findings == []


def test_a_record_without_boxes_is_a_note(run):
    lists = ("ymin", "xmin", "ymax", "xmax", "text", "label")
    report = run(
        _features(),
        _features(
            encoded=[kit.picture(8, 8)],
            width=[8],
            height=[8],
            source_id=[b"b"],
            **{name: [] for name in lists},
        ),
    )
    assert _found(report) == [("note", "no_boxes")]


def test_a_class_without_boxes_is_a_note(run):
    report = run(_features(), label_map=LabelMap.from_names(["cat", "dog", "cow"]))
    assert _found(report) == [("note", "empty_class")]
    assert "'cow'" in report.notes[0].detail


def test_duplicates_are_found_across_files(tmp_path):
    paths = [str(tmp_path / name) for name in ("train", "val")]
    for path in paths:
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(_serialized(_features()))
    report = check.check_records(paths, LABELS)
    assert _found(report) == [("warning", "duplicate_image")]
    assert report.warnings[0].file == paths[1]
    detail = f"the same image and source_id as {paths[0]} record 0"
    assert report.warnings[0].detail == detail


@pytest.mark.parametrize("fast", [False, True])
def test_a_truncated_file_is_an_error(run, fast, monkeypatch):
    monkeypatch.setattr(check, "_FAST_RECORDS", 1)
    report = run(
        _features(), _features(source_id=[b"b"]), _features(), cut=5, fast=fast
    )
    assert [f.kind for f in report.errors] == ["corrupt"]
    assert "record 2" in str(report.errors[0])
    assert "truncated" in str(report.errors[0])


def test_damaged_bytes_are_an_error(run, tmp_path):
    run(_features())
    path = tmp_path / "x.record"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    report = check.check_records([path], LABELS)
    assert [f.kind for f in report.errors] == ["corrupt"]


def test_records_that_are_no_examples(run):
    sequence = tf.train.SequenceExample()
    sequence.feature_lists.feature_list["image/encoded"].feature.add()
    report = run(b"\xff\xff\xff", sequence.SerializeToString())
    assert _found(report)[:2] == [("error", "corrupt"), ("note", "sequence_example")]


def test_a_record_of_another_message_is_named(run):
    # An Example without fields of ours, and no SequenceExample.
    assert ("error", "no_image") in _found(run(b"\x12\x07\x0a\x05world"))


def test_fast_looks_at_some_records_and_says_so(run, monkeypatch):
    monkeypatch.setattr(check, "_FAST_RECORDS", 12)
    monkeypatch.setattr(check, "_FAST_IMAGES", 3)
    many = [
        _features(encoded=[kit.picture(WIDTH, HEIGHT, i)], source_id=[b"%d" % i])
        for i in range(20)
    ]
    report = run(*many, fast=True)
    assert (report.records, report.decoded) == (12, 3)
    assert _found(report) == [("note", "partial")]
    assert "12 records in 1 of 1 files" in report.notes[0].detail
    assert run(*many[:12], fast=True).findings == []
    many[-1]["image/encoded"] = [b"no image"]
    assert [f.record for f in run(*many, fast=True).errors] == [19]


@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_is_a_warning(run, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = kit.picture(WIDTH, HEIGHT, exif=exif)
    (finding,) = run(_features(encoded=[turned])).findings
    assert (finding.severity, finding.kind) == ("warning", "orientation")
    assert f"orientation {orientation}" in finding.detail


@pytest.mark.parametrize(
    ("changes", "kind", "detail"),
    [
        ({"source_id": [b"a"] * 5}, "value_count", "source_id has 5 values"),
        ({"weight": [float("nan"), 1.0]}, "bad_value", "weight is nan"),
        ({"weight": [-1.0, 1.0]}, "bad_value", "weight is -1"),
        ({"keypoint/x": [0.1, 0.2, 0.3]}, "list_lengths", "0 y, 3 x"),
        ({"width": [0]}, "wrong_size", "says 0x60"),
        ({"mask": [b"", b""]}, "undecodable", "mask 0: is an empty file"),
    ],
)
def test_what_training_would_refuse(run, changes, kind, detail):
    findings = run(_features(**changes)).errors
    assert findings[0].kind == kind and detail in findings[0].detail


def test_masks_that_the_reader_asks_for(run):
    reader = input_reader_pb2.InputReader(load_instance_masks=True)
    (error,) = run(_features(), reader=reader).errors
    assert error.detail == "2 boxes without image/object/mask"


def test_number_of_keypoints_that_the_reader_asks_for(run):
    points = {f"keypoint/{axis}": [0.1, 0.2, 0.3, 0.4] for axis in "xy"}
    for count, errors in ((2, 0), (3, 1)):
        reader = input_reader_pb2.InputReader(num_keypoints=count)
        assert len(run(_features(**points), reader=reader).errors) == errors


def test_no_record_at_all_is_an_error(run):
    assert [f.kind for f in run().errors] == ["no_records"]


def test_fast_stops_when_its_time_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "_FAST_SECONDS", -1.0)
    path = tmp_path / "x"
    tf.io.TFRecordWriter(str(path)).close()
    report = check.check_records([path], LABELS, fast=True)
    assert "0 records in 0 of 1 files" in report.notes[0].detail


def test_report_as_text_and_json(run):
    bad = [_features(source_id=[b"%d" % i], ymax=[0.1, 1.0]) for i in range(4)]
    report = run(*bad)
    text = report.to_text(shown=2)
    assert "4 records in 1 files, 4 images decoded, 8 boxes" in text
    assert text.count("error: degenerate_box: ") == 3
    assert "error: degenerate_box: 2 more" in text
    assert "x.record record 1 (1): box 0" in text
    assert text.endswith("4 errors, 3 warnings, 0 notes")
    data = json.loads(report.to_json())
    assert data["ok"] is False and len(data["findings"]) == 7
    assert data["findings"][0]["kind"] == "degenerate_box"
    assert data["findings"][0]["source_id"] == "0"
    assert data["per_class"] == {"cat": 4, "dog": 4}


@pytest.mark.parametrize("name", ["BloodImage_00338", "BloodImage_00343"])
def test_blood_cells_written_as_they_are(data_dir, tmp_path, name):
    """The old API's tool writes the zero-size boxes of these files; they are found."""
    root = data_dir / "bccd" / "BCCD"
    xml = ElementTree.parse(root / "Annotations" / f"{name}.xml").getroot()
    cells = xml.findall("object")
    features = {
        "image/encoded": [(root / "JPEGImages" / f"{name}.jpg").read_bytes()],
        "image/filename": [f"{name}.jpg".encode()],
        "image/object/class/text": [c.findtext("name").encode() for c in cells],
    }
    for edge, size in (("ymin", 480), ("xmin", 640), ("ymax", 480), ("xmax", 640)):
        values = [int(c.findtext(f"bndbox/{edge}")) / size for c in cells]
        features[f"image/object/bbox/{edge}"] = values
    path = str(tmp_path / "cells.record")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(_serialized(features))
    label_map = LabelMap.from_names(["Platelets", "RBC", "WBC"])
    (finding,) = check.check_records([path], label_map).errors
    assert (finding.kind, finding.record) == ("degenerate_box", 0)
    assert finding.source_id == f"{name}.jpg"


def test_pets_of_the_old_api(data_dir):
    """Ten pets, one box each, written by the old API's own tool."""
    folder = data_dir / "odapi_fixtures"
    label_map = LabelMap.load(folder / "label_maps" / "pet_label_map.pbtxt")
    report = check.check_records([folder / "pets_examples.record"], label_map)
    assert (report.records, report.boxes, report.decoded) == (10, 10, 10)
    assert report.errors == [] and report.warnings == []


def test_serengeti_sequences_are_named_as_such(data_dir):
    folder = data_dir / "odapi_fixtures"
    label_map = LabelMap.load(
        folder / "label_maps" / "snapshot_serengeti_label_map.pbtxt"
    )
    path = folder / "snapshot_serengeti_sequence_examples.record"
    report = check.check_records([path], label_map)
    kinds = {f.kind for f in report.findings}
    assert "sequence_example" in kinds and report.errors == []
