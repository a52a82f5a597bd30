"""Scenes for a grid without records: made once, named after what they are."""

import numpy as np

from od_api.config.loading import load_config
from od_api.protos import study_pb2
from od_api.study.run.study_data import (
    data_overrides,
    data_settings,
    synthetic_images,
)

SCENES = study_pb2.SyntheticScenes(
    training_images=2, evaluation_images=1, size=64, difficulty="easy"
)


def test_no_scenes_no_settings(tmp_path):
    assert data_settings(None) is None and data_overrides(tmp_path, None) == ()
    assert not list(tmp_path.iterdir())


def test_scenes_are_made_once_and_named(tmp_path):
    overrides = data_overrides(tmp_path, SCENES)
    folders = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("data/*_64px_*")}
    assert sorted(folders) == ["held_out_1_64px_easy", "train_2_64px_easy"]
    assert data_overrides(tmp_path, SCENES) == overrides
    for name, time in folders.items():
        assert (tmp_path / "data" / name).stat().st_mtime_ns == time
    (tmp_path / "a.config").write_text("eval_input_reader {}")
    config = load_config(tmp_path / "a.config", overrides)
    assert "train_2_64px_easy" in config.train_input_reader.label_map_path
    (path,) = config.eval_input_reader[0].tf_record_input_reader.input_path
    assert path.endswith("held_out_1_64px_easy/scenes.record-*")


def test_settings_tell_scenes_apart():
    other = study_pb2.SyntheticScenes()
    other.CopyFrom(SCENES)
    assert data_settings(other) == data_settings(SCENES) == [2, 1, 64, "easy"]
    other.size = 65
    assert data_settings(other) != data_settings(SCENES)


def test_images_to_time_are_the_same_each_time():
    first, again = synthetic_images(48, 2), synthetic_images(48, 2)
    np.testing.assert_array_equal(first, again)
    assert first[0].shape == (48, 48, 3) and first[0].dtype == np.uint8
    assert np.any(first[0] != first[1])
