"""What a run began with cannot be changed when it is resumed."""

import logging

import pytest

from od_api.core.errors import ConfigError
from od_api.data.label_map import LabelMap
from od_api.protos import pipeline_pb2
from od_api.training.run_record import RunRecord


def record(path, *, names=("cat", "dog"), num_classes=2, weights="a.h5", batch_size=8):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    config.model.ssd.num_classes = num_classes
    config.train_config.fine_tune_checkpoint = weights
    config.train_config.batch_size = batch_size
    label_map = LabelMap.from_names(dict(names) if isinstance(names, dict) else names)
    return RunRecord(path, config, label_map, num_classes)


@pytest.fixture
def run(tmp_path):
    assert not record(tmp_path).exists
    record(tmp_path).write()
    return tmp_path


def test_nothing_recorded_nothing_refused(tmp_path):
    record(tmp_path, num_classes=9).check()


def test_the_same_and_harmless_changes_pass(run, monkeypatch):
    assert record(run).exists
    record(run).check()
    record(run, batch_size=2).check()
    monkeypatch.chdir("/")
    record(run, weights="a.h5").check()


def test_the_same_file_by_another_path_passes(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record(run, weights=f"{tmp_path}/a.h5").check()


def test_a_file_that_moved_passes_and_another_does_not(tmp_path):
    """The same bytes under another path are the same weights."""
    old, new = tmp_path / "a.h5", tmp_path / "b.h5"
    old.write_bytes(b"weights")
    record(tmp_path / "run", weights=str(old)).write()
    old.rename(new)
    record(tmp_path / "run", weights=str(new)).check()
    new.write_bytes(b"others")
    with pytest.raises(ConfigError, match="began with"):
        record(tmp_path / "run", weights=str(new)).check()
    new.unlink()
    with pytest.raises(ConfigError, match="began with"):
        record(tmp_path / "run", weights=str(new)).check()


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"weights": "b.h5"}, "train_config.fine_tune_checkpoint", ["a.h5", "b.h5"]),
        ({"weights": ""}, "train_config.fine_tune_checkpoint", ["'a.h5'", "none"]),
        ({"num_classes": 3}, "model.ssd.num_classes", ["with 2", "has 3"]),
        (
            {"names": ["cat", "cow"]},
            "train_input_reader.label_map_path",
            ["class 2 'dog'", "class 2 'cow'"],
        ),
        (
            {"names": ["cat"]},
            "train_input_reader.label_map_path",
            ["class 2 'dog'", "class 2 none"],
        ),
        (
            {"names": ["dog", "cat"]},
            "train_input_reader.label_map_path",
            ["class 1 'cat'", "class 1 'dog'"],
        ),
    ],
)
def test_a_change_says_from_what_to_what_and_the_cure(run, change, field, words):
    with pytest.raises(ConfigError) as caught:
        record(run, **change).check()
    assert caught.value.field_path == field
    for word in [*words, "Set it back", "new model_dir"]:
        assert word in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"num_classes": 2}', "[" * 100_000])
def test_a_damaged_record_is_said_and_passed_over(run, text, caplog):
    (run / "run.json").write_text(text)
    caplog.set_level(logging.WARNING, logger="absl")
    record(run, num_classes=9).check()
    assert "run.json is damaged" in caplog.text
