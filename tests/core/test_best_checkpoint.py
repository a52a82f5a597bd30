import json

import pytest
import tensorflow as tf

from od_api.core import checkpoint_files
from od_api.core.best_checkpoint import BestCheckpoint
from od_api.core.checkpoint import Checkpoints


class Run:
    """Saves one variable that holds the step, and offers each checkpoint."""

    def __init__(self, directory):
        self.step = tf.Variable(0, dtype=tf.int64)
        self.weight = tf.Variable(0.0)
        model = {"backbone/w": self.weight}
        self.checkpoints = Checkpoints(
            directory, step=self.step, model=model, max_to_keep=1
        )
        self.best = BestCheckpoint(directory)

    def offer(self, number, value, metric="mAP", **options):
        self.step.assign(number)
        self.weight.assign(number)
        return self.best.offer(self.checkpoints.save(), metric, value, **options)


def best_step(best):
    groups, step = checkpoint_files.read(best.path())
    assert groups["model"]["backbone/w"] == step
    return step


def test_best_survives_the_pruning(tmp_path):
    run = Run(tmp_path)
    values = {1: 0.2, 2: 0.5, 3: 0.5, 4: 0.4}
    assert [run.offer(*item) for item in values.items()] == [True, True, False, False]
    assert best_step(run.best) == 2
    assert len(list((tmp_path / "best").glob("*.index"))) == 1
    assert not (tmp_path / "ckpt-2.index").exists()
    assert run.best.record() == {
        "checkpoint": "ckpt-2",
        "step": 2,
        "metric": "mAP",
        "value": 0.5,
    }


def test_record_is_remembered_after_a_restart(tmp_path):
    Run(tmp_path).offer(5, 0.5)
    again = Run(tmp_path)
    assert not again.offer(6, 0.49)
    assert again.offer(7, 0.51)
    assert best_step(again.best) == 7


def test_losses_are_better_when_smaller(tmp_path):
    run = Run(tmp_path)
    given = [(1, 3.0), (2, 2.0), (3, 2.5)]
    accepted = [run.offer(*item, larger_is_better=False) for item in given]
    assert accepted == [True, True, False]


def test_nan_is_never_the_best(tmp_path):
    run = Run(tmp_path)
    assert not run.offer(1, float("nan"))
    assert run.best.path() is None
    assert run.offer(2, 0.0)


def test_another_metric_starts_anew(tmp_path):
    run = Run(tmp_path)
    run.offer(1, 0.9)
    assert run.offer(2, 0.1, metric="AR")


def test_stopped_while_copying_the_old_best_stays(tmp_path, monkeypatch):
    """Everything is copied, but the record is not yet written: the old one counts."""
    run = Run(tmp_path)
    run.offer(1, 0.1)

    def stop(path, text):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint_files, "write_text", stop)
    with pytest.raises(KeyboardInterrupt):
        run.best.keep(str(tmp_path / "ckpt-1"), "mAP", 0.2)
    monkeypatch.undo()
    assert json.loads((tmp_path / "best" / "best.json").read_text())["value"] == 0.1
    assert best_step(run.best) == 1
