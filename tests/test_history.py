"""The history of evaluations: best value, patience, resume."""

import pytest

from od_api.core.errors import ConfigError
from od_api.history import History, read_history
from od_api.protos import eval_pb2

MAP = "DetectionBoxes_Precision/mAP"


def history(path, step=0, **settings):
    return History(path, eval_pb2.EvalConfig(**settings), step)


def test_best_is_the_highest_metric(tmp_path):
    runs = history(tmp_path)
    values = [0.1, 0.3, 0.2]
    assert [runs.add(i, {MAP: v}) for i, v in enumerate(values)] == [True, True, False]
    assert runs.best() == (1, 0.3)


def test_a_loss_is_best_when_lowest(tmp_path):
    runs = history(tmp_path, best_metric="Loss/total_loss")
    values = [3.0, 2.0, 2.5]
    added = [runs.add(i, {"Loss/total_loss": v}) for i, v in enumerate(values)]
    assert added == [True, True, False]


def test_patience_counts_evaluations_without_a_rise_above_min_delta(tmp_path):
    """.30 -> .31 is no rise of more than .05, .31 -> .40 is one (.40 > .30 + .05)."""
    stopping = eval_pb2.EarlyStopping(patience=2, min_delta=0.05)
    runs = history(tmp_path, early_stopping=stopping)
    stops = []
    for step, value in enumerate([0.30, 0.31, 0.40, 0.41, 0.42]):
        runs.add(step, {MAP: value})
        stops.append(runs.should_stop())
    assert stops == [False, False, False, False, True]
    assert "best 0.4200 at step 4" in runs.why()


def test_without_early_stopping_training_never_stops(tmp_path):
    runs = history(tmp_path)
    for step in range(30):
        runs.add(step, {MAP: 0.5})
    assert not runs.should_stop()


def test_resume_drops_what_lies_after_the_restored_step(tmp_path):
    runs = history(tmp_path)
    for step, value in [(10, 0.1), (20, 0.9), (30, 0.5)]:
        runs.add(step, {MAP: value})
    resumed = history(tmp_path, step=10)
    assert resumed.best() == (10, 0.1)
    assert resumed.add(20, {MAP: 0.2})
    assert [e["step"] for e in read_history(tmp_path)] == [10, 20]


def test_undefined_metric_is_never_best(tmp_path):
    runs = history(tmp_path)
    runs.add(1, {MAP: float("nan")})
    assert runs.add(2, {MAP: 0.0})
    assert not runs.add(3, {MAP: float("nan")})


def test_unknown_best_metric_names_the_nearest(tmp_path):
    runs = history(tmp_path, best_metric="DetectionBoxes_Precision/map")
    with pytest.raises(ConfigError, match="did you mean DetectionBoxes_Precision/mAP"):
        runs.add(1, {MAP: 0.1})
