"""The data of a config: its sets beside each other, labels beside detections."""

import json

import data_set_kit
import numpy as np
import pytest
import tensorflow as tf
import tiny
import viewed_set

from od_api import cli
from od_api.check_data import BETWEEN, check_data
from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.split_checks import facts_of, findings_of
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer


def write(path, images):
    """Records of images 100x100: [(seed, below 0 gray, [(class, side of its box)])]."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, (seed, objects) in enumerate(images):
            boxes = [[0, 0, side / 100, side / 100] for _, side in objects]
            classes = [class_id for class_id, _ in objects]
            encoded = data_set_kit.picture(100, 100, abs(seed))
            if seed < 0:
                encoded = data_set_kit.gray_picture(100, 100)
            image = EncodedImage(
                encoded, "jpeg", f"{number}.jpg", f"{number}", 100, 100
            )
            texts = ["abc"[i - 1] for i in classes]
            example = make_example(image, Objects(boxes, texts, classes))
            writer.write(example.SerializeToString())
    return str(path)


@pytest.fixture
def facts(tmp_path):
    def of(place, images):
        path = write(tmp_path / f"{place}.record", images)
        label_map = LabelMap.from_names(["a", "b", "c"])
        # Half as large: a side of 15 becomes 7.5.
        return facts_of(
            place, [path], label_map, FixedShapeResizer(height=50, width=50)
        )

    return of


def kinds(findings):
    return [(severity, kind) for severity, kind, _ in findings]


def test_facts_are_counted(facts):
    found = facts("t", [(1, [(1, 40), (2, 15)]), (1, [(1, 20)]), (2, [])])
    assert (len(found.digests), found.decoded, found.gray) == (2, 3, 0)
    assert found.per_class == {"a": 2, "b": 1}
    np.testing.assert_allclose(found.sides, [20, 7.5, 10], rtol=1e-6)


def test_sets_that_are_in_order(facts):
    train = facts("train", [(1, [(1, 40)]), (2, [(2, 40)])])
    val = facts("val", [(3, [(1, 40), (2, 40)])])
    assert list(findings_of(train, [val])) == []


def test_an_image_in_both_sets_is_named(facts):
    train, val = (
        facts("train", [(1, [(1, 40)])]),
        facts("val", [(2, []), (1, [(1, 9)])]),
    )
    (found, *_) = findings_of(train, [val])
    assert found[:2] == ("warning", "shared_image")
    assert "1 of 2 images of val are in train" in found[2]
    assert "val.record record 1 is" in found[2] and "train.record record 0" in found[2]


def test_classes_that_one_of_the_sets_lacks(facts):
    train, val = facts("train", [(1, [(1, 40)])]), facts("val", [(2, [(2, 40)])])
    found = list(findings_of(train, [val]))
    assert kinds(found) == [
        ("warning", "untrained_class"),
        ("warning", "unmeasured_class"),
    ]
    assert "val has boxes of 'b'" in found[0][2]
    assert "val has no box of 'a'" in found[1][2]


@pytest.mark.parametrize(
    ("many", "want"), [(9, []), (10, ["note"]), (99, ["note"]), (100, ["warning"])]
)
def test_imbalance(facts, many, want):
    train = facts("train", [(1, [(1, 40)] * many + [(2, 40)])])
    assert kinds(findings_of(train, [])) == [(s, "imbalance") for s in want]


def test_small_boxes_are_those_of_the_network_input(facts):
    one_of_three = facts("train", [(1, [(1, 40), (1, 17), (1, 15)])])
    (found,) = findings_of(one_of_three, [])
    assert found[:2] == ("warning", "small_boxes")
    assert "1 of 3 boxes are smaller than 8x8" in found[2]
    few = facts("train", [(1, [(1, 40)] * 39 + [(1, 15)])])
    assert kinds(findings_of(few, [])) == [("note", "small_boxes")]


def test_gray_images_among_others(facts):
    some, every = facts("train", [(1, []), (-1, [])]), facts("val", [(-1, [])])
    assert (some.gray, every.gray) == (1, 1)
    assert kinds(findings_of(some, [])) == [("note", "gray_images")]
    assert kinds(findings_of(None, [every])) == []


@pytest.fixture
def config(tmp_path):
    """Path of a config that trains and evaluates on the pictures of `viewed_set`."""
    viewed_set.write(tmp_path)
    text = tiny.CONFIG.replace("DATA", str(tmp_path))
    path = tmp_path / "pipeline.config"
    path.write_text(text)
    from od_api.config.loading import load_config, write_config

    loaded = load_config(path)
    for reader in (loaded.train_input_reader, loaded.eval_input_reader[0]):
        reader.label_map_path = str(tmp_path / "label_map.pbtxt")
        reader.tf_record_input_reader.input_path[:] = [str(tmp_path / "set.record")]
    write_config(loaded, path)
    return path


def test_labels_that_sure_detections_disagree_with(config, tmp_path):
    found = [
        {"image_id": 10, "category_id": 2, "bbox": [100, 100, 100, 100], "score": 0.9},
        {"image_id": 10, "category_id": 1, "bbox": [500, 300, 90, 90], "score": 0.95},
        {"image_id": 11, "category_id": 2, "bbox": [300, 300, 50, 50], "score": 0.5},
    ]
    (tmp_path / "sure.json").write_text(json.dumps(found))
    from od_api.config.loading import load_config

    reports = check_data(load_config(config), detections=tmp_path / "sure.json")
    doubts = [f for f in reports[BETWEEN].findings if f.kind == "label_noise"]
    assert [(f.source_id, f.record) for f in doubts] == [("a.jpg", 0), ("a.jpg", 0)]
    assert "the model finds cat (0.95) where no box is" in doubts[0].detail
    assert "says dog (0.90) of what has another label" in doubts[1].detail


def test_command_writes_a_page_and_strict_fails_on_warnings(config, tmp_path, capsys):
    page = tmp_path / "page.html"
    command = ["data", "check", "--config", str(config), "--format", "json"]
    status = cli.main([*command, "--html", str(page)])
    reports = json.loads(capsys.readouterr().out)
    kinds = {f["kind"] for f in reports[BETWEEN]["findings"]}
    assert status == 0 and "shared_image" in kinds
    text = page.read_text()
    assert "shared_image" in text and "data:image/jpeg;base64," in text
    assert cli.main([*command, "--strict"]) == 2
    assert cli.main([*command, "--fast"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--html", "x.html"], "--html is for a --config"),
        (["--detections", "x.json"], "--detections is for a --config"),
    ],
)
def test_options_of_configs(tmp_path, capsys, options, message):
    viewed_set.write(tmp_path)
    records = [str(tmp_path / "set.record"), "--label-map"]
    command = ["data", "check", *records, str(tmp_path / "label_map.pbtxt")]
    assert cli.main([*command, *options]) == 2
    assert message in capsys.readouterr().err
