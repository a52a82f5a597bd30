"""A run that ends at any point of save, evaluation, history and copy goes on as if not.

The points are the places where something has just been written, or not yet. A run is
stopped at each, started again, and must end with the same history, `best/` and weights
as one that was never stopped. `benchmarks/kill_runs.py` does it to real processes, at
random moments.
"""

import functools
import shutil

import keras
import pytest
import tensorflow as tf
import tiny

from od_api.checkpoints import best_checkpoint, checkpoint_files
from od_api.checkpoints.finite_weights import TrainingDiverged
from od_api.core.errors import UserError
from od_api.core.registry import build_field
from od_api.evaluation.evaluation import Evaluation
from od_api.train import train
from od_api.training import start, state
from od_api.training.history import History, read_history
from od_api.training.run_lock import run_lock

MAP = "DetectionBoxes_Precision/mAP"
# The best is step 4, neither the first nor the last.
VALUES = {2: 0.2, 4: 0.6, 6: 0.4, 8: 0.5}


class Killed(BaseException):
    """Stands for the end of the process: nothing handles it."""


class Point:
    """Calls go through until the one at which the run ends.

    Args:
      number: of the call, counted from 1; 0 never ends it.
      after: whether the call is still made.
    """

    def __init__(self, number, after):
        self._left, self._after = number, after

    def __call__(self, function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Killed
            result = function(*args, **kwargs)
            if self._left == 0:
                raise Killed
            return result

        return call


class OneLayer:
    """Stands in for the detector: what training needs of one, and quickly built."""

    num_classes = 5

    def __init__(self, config):
        self.resizer = build_field(config.model.ssd, "image_resizer")
        layer = keras.layers.Dense(3, name="dense")
        layer.build([None, 2])
        self.parts = {"backbone": layer}


class AddOne:
    """Stands in for the training step: fast, and each weight tells the step."""

    def __init__(self, *, step, trainable, **_):
        self._step, self._weights = step, list(trainable.values())[:1]

    def trace(self, batch_spec):
        """There is no graph."""

    def __call__(self, batch):
        for weight in self._weights:
            weight.assign_add(tf.ones_like(weight))
        self._step.assign_add(1)
        return {"total_loss": tf.constant(1.0)}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    return tiny.config_for(folder, tiny.make_data(folder))


def stand_in(patch):
    """Detector, training step and evaluation are fast; everything else is real."""
    patch.setattr(
        state,
        "build_field",
        lambda message, field: (
            OneLayer(message) if field == "model" else build_field(message, field)
        ),
    )
    patch.setattr(state, "TrainingStep", AddOne)
    patch.setattr(Evaluation, "run", lambda _, step: {MAP: VALUES[step]})
    patch.setattr(start, "_draw_first_batches", lambda *_: None)


@pytest.fixture
def fast(monkeypatch):
    stand_in(monkeypatch)


def outcome(model):
    """(history, record of best, tensors of best, tensors of the last checkpoint)."""
    best = best_checkpoint.BestCheckpoint(model)
    tensors = [
        {
            f"{group}/{name}": value.tobytes()
            for group, values in checkpoint_files.read(prefix)[0].items()
            for name, value in values.items()
        }
        for prefix in (best.path(), str(model / "ckpt-8"))
    ]
    return read_history(model), best.record(), *tensors


def run(config, model):
    return train(config, model, num_steps=8, record_summaries=False)


@pytest.fixture(scope="module")
def uninterrupted(config, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch)
        model = tmp_path_factory.mktemp("uninterrupted") / "model"
        assert run(config, model).metrics == {MAP: 0.5}
        assert [e["step"] for e in read_history(model)] == [2, 4, 6, 8]
        return outcome(model)


POINTS = {
    "save": (state.TrainingState, "save"),
    "evaluation": (Evaluation, "run"),
    "history": (History, "_write"),
    "best": (best_checkpoint.BestCheckpoint, "keep"),
    "copy": (checkpoint_files, "copy_whole"),
    "record": (checkpoint_files, "write_text"),
}


@pytest.mark.parametrize(
    ("point", "number", "after"),
    [
        ("save", 2, False),
        ("evaluation", 1, False),
        ("evaluation", 2, True),
        ("evaluation", 4, False),
        ("history", 2, True),
        ("history", 4, True),
        ("best", 2, False),
        ("copy", 2, True),
        ("record", 4, False),
        ("record", 5, True),
    ],
)
def test_stopped_anywhere_it_ends_as_if_never_stopped(
    config, uninterrupted, fast, tmp_path, monkeypatch, point, number, after
):
    place, name = POINTS[point]
    with monkeypatch.context() as patch:
        patch.setattr(place, name, Point(number, after)(getattr(place, name)))
        with pytest.raises(Killed):
            run(config, tmp_path / "model")
    run(config, tmp_path / "model")
    assert outcome(tmp_path / "model") == uninterrupted
    left = [p.name for p in (tmp_path / "model").rglob("*saving*")]
    assert not left


def test_killed_in_the_last_evaluation_it_is_made_by_the_same_command(
    config, fast, tmp_path, monkeypatch
):
    """Where there was nothing to do, the evaluation was lost for good."""
    with monkeypatch.context() as patch:
        patch.setattr(Evaluation, "run", Point(4, False)(Evaluation.run))
        with pytest.raises(Killed):
            run(config, tmp_path / "model")
    result = run(config, tmp_path / "model")
    assert (result.reason, result.metrics) == ("nothing to do", {MAP: 0.5})
    again = run(config, tmp_path / "model")
    assert (again.reason, again.metrics) == ("nothing to do", {MAP: 0.5})


def test_a_step_that_was_not_to_be_evaluated_is_not(config, fast, tmp_path):
    """Saved every 2 steps and evaluated every 4: nothing is due at step 6."""
    config = config.__class__.FromString(config.SerializeToString())
    config.eval_config.eval_every_n_steps = 4
    model = tmp_path / "model"
    train(config, model, num_steps=6, record_summaries=False, evaluate_on_the_way=False)
    run(config, model)
    assert [e["step"] for e in read_history(model)] == [8]


def test_a_run_that_stopped_early_stays_so(config, fast, tmp_path, caplog):
    """Killed after the entry that uses the patience up; then, and again: stopped."""
    config = config.__class__.FromString(config.SerializeToString())
    config.eval_config.early_stopping.patience = 1
    for _ in range(2):
        result = run(config, tmp_path / "model")
        assert (result.step, result.reason) == (6, "stopped early")
    config.eval_config.early_stopping.patience = 2
    assert run(config, tmp_path / "model").step == 8


def test_best_is_mended_where_it_was_removed(config, fast, tmp_path):
    """As where the evaluations were written, but no copy was ever made."""
    model = tmp_path / "model"
    run(config, model)
    before = outcome(model)
    shutil.rmtree(model / "best")
    run(config, model)
    assert outcome(model) == before


def test_a_second_training_is_refused(config, fast, tmp_path):
    with (
        run_lock(tmp_path / "model"),
        pytest.raises(UserError, match="model is in use: process"),
    ):
        run(config, tmp_path / "model")
    assert run(config, tmp_path / "model").step == 8


def test_another_metric_chooses_best_anew(config, fast, tmp_path, monkeypatch):
    """By mAP step 4 is best, by AR50 it would be step 2, the lowest mAP."""
    recall = "DetectionBoxes_Recall/AR@100"
    both = lambda _, step: {MAP: VALUES[step], recall: 1 - VALUES[step]}  # noqa: E731
    monkeypatch.setattr(Evaluation, "run", both)
    model = tmp_path / "model"
    train(config, model, num_steps=6, record_summaries=False)
    assert best_checkpoint.BestCheckpoint(model).record()["step"] == 4
    config = config.__class__.FromString(config.SerializeToString())
    config.eval_config.best_metric = recall
    run(config, model)
    record = best_checkpoint.BestCheckpoint(model).record()
    assert (record["step"], record["metric"]) == (2, recall)


def test_weights_that_are_not_finite_are_not_saved(config, fast, tmp_path, monkeypatch):
    """The loss of step 4 is finite, its update is not: step 2 is what remains."""

    class Breaks(AddOne):
        def __call__(self, batch):
            result = super().__call__(batch)
            if int(self._step) == 4:
                self._weights[0].assign(self._weights[0] * float("nan"))
            return result

    monkeypatch.setattr(state, "TrainingStep", Breaks)
    model = tmp_path / "model"
    with pytest.raises(TrainingDiverged, match="after step 4 1 of the weights"):
        train(config, model, evaluate_on_the_way=False, record_summaries=False)
    assert list(checkpoint_files.numbered(model)) == [2]
    monkeypatch.setattr(state, "TrainingStep", AddOne)
    result = train(config, model, evaluate_on_the_way=False, record_summaries=False)
    assert result.step == 4
