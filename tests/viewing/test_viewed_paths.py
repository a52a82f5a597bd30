"""Which records, classes and detections a path names."""

import pathlib

import pytest
import tiny
import viewed_set

from od_api.core.errors import UserError
from od_api.viewing.viewed_paths import viewed_path


def test_records_have_their_label_map_beside_them(tmp_path):
    viewed_set.write(tmp_path)
    for path in (tmp_path, tmp_path / "set.record", tmp_path / "*.record"):
        seen = viewed_path(path)
        assert [pathlib.Path(p).name for p in seen.paths] == ["set.record"]
        assert seen.label_map.names == ["cat", "dog"]
        assert seen.detections is None


def test_a_run_has_the_detections_of_its_last_evaluation(tmp_path):
    data = tiny.make_data(tmp_path, num_images=1)
    run = tmp_path / "run"
    (run / "eval").mkdir(parents=True)
    (run / "eval" / "detections.json").write_text("[]")
    config = tiny.write_config(tmp_path, data)
    pathlib.Path(config).replace(run / "pipeline.config")
    assert viewed_path(run).detections == run / "eval" / "detections.json"
    assert viewed_path(run, detections="mine.json").detections == "mine.json"
    assert viewed_path(run, split="train").detections is None
    assert viewed_path(run / "pipeline.config").detections is None
    assert viewed_path(run).label_map.num_classes == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "neither a pipeline.config nor TFRecords"),
        ({"overrides": ["train_config.num_steps=1"]}, "--set is for configs"),
    ],
)
def test_an_empty_folder(tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        viewed_path(tmp_path, **settings)


def test_records_without_a_label_map(tmp_path):
    viewed_set.write(tmp_path)
    kept = (tmp_path / "label_map.pbtxt").rename(tmp_path / "classes.pbtxt")
    with pytest.raises(UserError, match=r"has no label_map\.pbtxt: .*--label-map"):
        viewed_path(tmp_path)
    assert viewed_path(tmp_path, label_map=kept).label_map.ids == [1, 2]


def test_a_config_names_its_own_label_map(tmp_path):
    config = tiny.write_config(tmp_path, tiny.make_data(tmp_path, num_images=1))
    with pytest.raises(UserError, match="--label-map is for records"):
        viewed_path(config, label_map="x.pbtxt")
