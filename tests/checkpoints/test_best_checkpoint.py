import json

import pytest
import tensorflow as tf

from od_api.checkpoints import checkpoint_files
from od_api.checkpoints.best_checkpoint import BestCheckpoint
from od_api.checkpoints.checkpoint import Checkpoints
from od_api.core.errors import UserError


class Run:
    """Saves one variable that holds the step; keeps the two newest checkpoints."""

    def __init__(self, directory):
        self.step = tf.Variable(0, dtype=tf.int64)
        self.weight = tf.Variable(0.0)
        model = {"backbone/w": self.weight}
        self.checkpoints = Checkpoints(
            directory, step=self.step, model=model, max_to_keep=2
        )
        self.best = BestCheckpoint(directory)

    def save(self, *numbers):
        for number in numbers:
            self.step.assign(number)
            self.weight.assign(number)
            self.checkpoints.save()

    def choose(self, *ranked):
        self.best.choose("mAP", ranked)
        return self.best.record() and self.best.record()["step"]


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def best_step(best):
    groups, step = checkpoint_files.read(best.path())
    assert groups["model"]["backbone/w"] == step
    return step


def test_best_survives_the_pruning(run, tmp_path):
    run.save(2)
    assert run.choose((2, 0.5)) == 2
    run.save(3, 4)
    assert run.choose((2, 0.5), (4, 0.4), (3, 0.1)) == 2
    assert best_step(run.best) == 2
    assert not (tmp_path / "ckpt-2.index").exists()
    assert run.best.record() == {
        "checkpoint": "ckpt-2",
        "step": 2,
        "metric": "mAP",
        "value": 0.5,
    }


def test_a_better_one_takes_its_place(run, tmp_path):
    run.save(1, 2)
    run.choose((1, 0.1))
    assert run.choose((2, 0.2), (1, 0.1)) == best_step(run.best) == 2
    assert len(list((tmp_path / "best").glob("*.index"))) == 1


def test_nothing_is_written_twice(run, tmp_path):
    run.save(1)
    run.choose((1, 0.1))
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "best").iterdir()}
    Run(tmp_path).choose((1, 0.1))
    assert before == {f: f.stat().st_mtime_ns for f in (tmp_path / "best").iterdir()}


def test_nothing_was_evaluated(run, tmp_path):
    run.save(1)
    assert run.choose() is None
    assert not (tmp_path / "best").exists()


def test_an_abandoned_future_gives_way(run):
    """best/ has step 9 of a run that went back to step 3."""
    run.save(3, 9)
    run.choose((9, 0.9))
    assert run.choose((3, 0.3)) == best_step(run.best) == 3


def test_best_of_those_that_are_left(run, caplog):
    """Step 1 was the best, but its checkpoint was dropped before it was copied."""
    run.save(1, 2, 3)
    assert run.choose((1, 0.9), (3, 0.3), (2, 0.2)) == 3
    assert "step 1 was evaluated with mAP 0.9" in caplog.text


def test_damaged_copy_is_made_again(run, tmp_path):
    run.save(1)
    run.choose((1, 0.1))
    (tmp_path / "best" / "ckpt-1.data-00000-of-00001").write_bytes(b"")
    run.choose((1, 0.1))
    assert best_step(run.best) == 1


def test_new_value_of_the_same_step_is_recorded(run):
    run.save(1)
    run.choose((1, 0.1))
    run.choose((1, 0.2))
    assert run.best.record()["value"] == 0.2


def test_left_over_files_of_a_kill_go(run, tmp_path):
    """Between record and removal of the one before, and within a copy."""
    run.save(1, 2)
    run.choose((2, 0.2))
    checkpoint_files.copy_whole(str(tmp_path / "ckpt-1"), str(tmp_path / "best/ckpt-1"))
    (tmp_path / "best" / ".ckpt-7.saving").mkdir()
    (tmp_path / "best" / "best.json.saving").touch()
    run.choose((2, 0.2))
    names = sorted(f.name for f in (tmp_path / "best").iterdir())
    assert names == ["best.json", "ckpt-2.data-00000-of-00001", "ckpt-2.index"]


def test_stopped_while_copying_the_old_best_stays(run, tmp_path, monkeypatch):
    """Everything is copied, but the record is not yet written: the old one counts."""
    run.save(1, 2)
    run.choose((1, 0.1))

    def stop(path, text):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint_files, "write_text", stop)
    with pytest.raises(KeyboardInterrupt):
        run.choose((2, 0.2), (1, 0.1))
    monkeypatch.undo()
    assert json.loads((tmp_path / "best" / "best.json").read_text())["value"] == 0.1
    assert best_step(run.best) == 1
    assert run.choose((2, 0.2), (1, 0.1)) == best_step(run.best) == 2


def test_full_disk_is_one_error_and_the_old_best_stays(run, monkeypatch):
    run.save(1, 2)
    run.choose((1, 0.1))

    def no_space(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.gfile, "copy", no_space)
    with pytest.raises(UserError, match=r"No space left on device\. Free"):
        run.choose((2, 0.2))
    assert best_step(run.best) == 1
