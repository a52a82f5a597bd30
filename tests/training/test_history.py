"""The history of evaluations: best value, patience, resume."""

import json

import pytest

from od_api.core.errors import ConfigError
from od_api.core.warn_once import warn_once
from od_api.protos import eval_pb2, pipeline_pb2
from od_api.training.history import History, read_history, with_best_metric

MAP = "DetectionBoxes_Precision/mAP"


@pytest.fixture(autouse=True)
def _say_again():
    warn_once.cache_clear()


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


@pytest.mark.parametrize(
    "line",
    [
        b'{"step": 20, "metrics": {"Detec',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"null",
        b'{"step": "20", "metrics": {}}',
        b'{"step": true, "metrics": {}}',
        b'{"step": -1, "metrics": {}}',
        b'{"step": 20, "metrics": []}',
        b'{"step": 20, "metrics": {"DetectionBoxes_Precision/mAP": "0.9"}}',
        b'{"step": 20, "metrics": {"DetectionBoxes_Precision/mAP": null}}',
    ],
)
def test_a_damaged_line_is_passed_over_and_kept_aside(tmp_path, caplog, line):
    """Lines of 10, of damage, of 30: both others count, and line 2 is named once."""
    runs = history(tmp_path)
    runs.add(10, {MAP: 0.1})
    runs.add(30, {MAP: 0.3})
    path = tmp_path / "eval_history.jsonl"
    good = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(good[0] + line + b"\n" + good[1])
    damaged = path.read_bytes()
    assert [e["step"] for e in read_history(tmp_path)] == [10, 30]
    resumed = history(tmp_path, step=30)
    assert resumed.best() == (30, 0.3)
    resumed.add(40, {MAP: 0.2})
    assert [e["step"] for e in read_history(tmp_path)] == [10, 30, 40]
    assert (tmp_path / "eval_history.damaged").read_bytes() == damaged
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 1 and f"{path}:2: damaged" in warnings[0]


def test_nan_in_a_line_is_an_undefined_metric(tmp_path):
    line = '{"step": 1, "metrics": {"DetectionBoxes_Precision/mAP": NaN}}\n'
    (tmp_path / "eval_history.jsonl").write_text(line)
    runs = history(tmp_path, step=1)
    assert runs.best() is None and runs.steps == {1}
    assert runs.add(2, {MAP: 0.1})


def test_another_best_metric_goes_by_the_evaluations_that_have_it(tmp_path, caplog):
    runs = history(tmp_path)
    runs.add(10, {MAP: 0.5})
    runs.add(20, {MAP: 0.1, "AR": 0.3})
    stopping = eval_pb2.EarlyStopping(patience=1)
    other = history(tmp_path, step=20, best_metric="AR", early_stopping=stopping)
    assert other.best() == (20, 0.3)
    assert "1 of the 2 evaluations" in caplog.text and "have no AR" in caplog.text
    assert not other.should_stop()
    assert not other.add(30, {"AR": 0.2})
    assert other.should_stop() and "at step 20" in other.why()


def test_no_evaluation_has_the_new_metric(tmp_path):
    history(tmp_path).add(10, {MAP: 0.5})
    other = history(tmp_path, step=10, best_metric="AR")
    assert other.best() is None
    assert other.add(20, {"AR": 0.0})


def test_the_record_of_best_stands_in_for_a_lost_line(tmp_path):
    """The line of step 10, the best one, is gone: 0.4 at step 20 is not the best."""
    (tmp_path / "best").mkdir()
    record = {"checkpoint": "ckpt-10", "step": 10, "metric": MAP, "value": 0.5}
    (tmp_path / "best" / "best.json").write_text(json.dumps(record))
    assert not history(tmp_path, step=10).add(20, {MAP: 0.4})
    assert history(tmp_path, step=20).best() == (10, 0.5)
    assert history(tmp_path, step=5).best() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 1}', "\x00"])
def test_a_damaged_record_of_best_counts_as_none(tmp_path, text):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "best.json").write_text(text)
    assert history(tmp_path).add(20, {MAP: 0.4})


def test_without_a_best_metric_the_first_one_measured_is_it():
    """COCO's, which is the schema's default, where it is measured."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    names = ["PascalBoxes_Precision/mAP@0.5IOU", "PascalBoxes_PerformanceByCategory/x"]
    chosen = with_best_metric(config, names).eval_config.best_metric
    assert chosen == names[0]
    coco = "DetectionBoxes_Precision/mAP"
    assert with_best_metric(config, [*names, coco]).eval_config.best_metric == coco
    config.eval_config.best_metric = "typo"
    assert with_best_metric(config, names).eval_config.best_metric == "typo"
