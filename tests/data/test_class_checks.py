"""Records against a label map that writes the classes otherwise."""

import json
import unicodedata

import data_set_kit as kit
import pytest
import tensorflow as tf

from od_api import cli
from od_api.data.check import check_records
from od_api.data.class_names import nearest_text
from od_api.data.label_map import LabelMap
from od_api.protos import input_reader_pb2


def write(path, *texts, labels=None):
    """One record of one box for each text."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for i, text in enumerate(texts):
            example = tf.train.Example()
            features = example.features.feature
            features["image/encoded"].bytes_list.value.append(kit.picture(8, 8, i))
            for edge, value in (("ymin", 0), ("xmin", 0), ("ymax", 1), ("xmax", 1)):
                key = f"image/object/bbox/{edge}"
                features[key].float_list.value.append(value)
            if text is not None:
                key = "image/object/class/text"
                raw = text if isinstance(text, bytes) else text.encode()
                features[key].bytes_list.value.append(raw)
            if labels:
                key = "image/object/class/label"
                features[key].int64_list.value.append(labels[i])
            writer.write(example.SerializeToString())
    return str(path)


def unknown(report):
    return [(f.severity, f.detail) for f in report.findings if f.kind[:7] == "unknown"]


@pytest.mark.parametrize(
    ("in_records", "in_map"),
    [
        ("cat", "CAT"),
        ("cat ", "cat"),
        ("traffic_light", "traffic light"),
        ("traffic-light", "Traffic Light"),
        (unicodedata.normalize("NFD", "B\u00e4r"), "B\u00e4r"),
        ("\uff43\uff41\uff54", "cat"),
        ("elefant", "elephant"),
    ],
)
@pytest.mark.parametrize("fast", [False, True])
def test_another_writing_is_an_error_with_the_near_name(
    tmp_path, in_records, in_map, fast
):
    """Two boxes of 200: a small share, but all of the class."""
    path = write(tmp_path / "x", *["dog"] * 198, in_records, in_records)
    label_map = LabelMap.from_names(["dog", in_map])
    ((severity, detail),) = unknown(check_records([path], label_map, fast=fast))
    assert severity == "error"
    assert f"did you mean '{in_map}'?" in detail
    assert "2 of 200 boxes are dropped" in detail


def test_names_that_look_alike_are_shown_with_escapes(tmp_path):
    path = write(tmp_path / "x", unicodedata.normalize("NFD", "B\u00e4r"))
    ((_, detail),) = unknown(check_records([path], LabelMap.from_names(["B\u00e4r"])))
    assert r"('Ba\u0308r' is not 'B\xe4r')" in detail


def test_text_in_a_code_page_is_named(tmp_path):
    path = write(tmp_path / "x", b"B\xe4r")
    report = check_records([path], LabelMap.from_names(["B\u00e4r"]))
    ((severity, detail),) = unknown(report)
    assert severity == "error" and r"b'B\xe4r', which is no UTF-8" in detail
    assert report.per_class == {}


@pytest.mark.parametrize(
    ("others", "severity"), [(1, "warning"), (2, "warning"), (3, "error")]
)
def test_share_of_unknown_classes(tmp_path, others, severity):
    """Of 200 boxes two are 1 %, which is not yet above it."""
    path = write(tmp_path / "x", *["dog"] * (200 - others), *["zebu"] * others)
    report = check_records([path], LabelMap.from_names(["dog"]))
    assert [found for found, _ in unknown(report)] == [severity]


def test_unknown_classes_may_be_meant(tmp_path):
    path = write(tmp_path / "x", "dog", "zebu")
    reader = input_reader_pb2.InputReader(drop_unknown_classes=True)
    report = check_records([path], LabelMap.from_names(["dog"]), reader=reader)
    assert [severity for severity, _ in unknown(report)] == ["note"]


def test_another_writing_beside_the_right_one_is_a_warning(tmp_path):
    path = write(tmp_path / "x", *["dog"] * 199, "Dog")
    ((severity, detail),) = unknown(check_records([path], LabelMap.from_names(["dog"])))
    assert severity == "warning" and "did you mean 'dog'?" in detail


def test_ids_that_the_label_map_lacks(tmp_path):
    path = write(tmp_path / "x", None, None, labels=[1, 1 << 40])
    report = check_records([path], LabelMap.from_names(["dog"]))
    assert [severity for severity, _ in unknown(report)] == ["error"]


def test_classes_without_boxes_are_one_note(tmp_path):
    path = write(tmp_path / "x", "n0")
    label_map = LabelMap.from_names([f"n{i}" for i in range(13)])
    (finding,) = check_records([path], label_map).findings
    assert (finding.severity, finding.kind) == ("note", "empty_class")
    assert "'n1'" in finding.detail and "and 2 more" in finding.detail


def test_command_line(tmp_path, capsys):
    """Exit status, the label map's name, and JSON that stays whole."""
    path = write(tmp_path / "x", "\x1b]0;evil\x07", "cat")
    LabelMap.from_names(["CAT"]).save(tmp_path / "names.pbtxt")
    command = ["data", "check", path, "--label-map", str(tmp_path / "names.pbtxt")]
    assert cli.main(command) == 2
    text = capsys.readouterr().out
    assert "names.pbtxt" in text and "did you mean 'CAT'?" in text
    assert "\x1b" not in text and r"\x1b]0;evil" in text
    assert cli.main([*command, "--format=json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["findings"]) >= 2
    assert cli.main([*command, "--drop-unknown-classes"]) == 0


def test_nearest_text():
    known = {"traffic light": 1, "cat": 2}
    assert nearest_text("Traffic_Lights", known) == "traffic light"
    assert nearest_text("zebra", known) is None
    assert nearest_text("", known) is None and nearest_text("--", known) is None
