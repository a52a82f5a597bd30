"""Evaluation between two steps: what is evaluated, kept and caught up with."""

import contextlib
import json
import types

import pytest

from od_api.core.errors import ConfigError
from od_api.protos import pipeline_pb2
from od_api.training import validation
from od_api.training.validation import Validation, ValidationElsewhere

MAP = "DetectionBoxes_Precision/mAP"


class State:
    """A training at a step, which says when it saves and averages."""

    evaluated = None

    def __init__(self, step=0):
        self.step, self.saved, self.averaged = step, 0, False

    @contextlib.contextmanager
    def averaged_weights(self):
        self.averaged = True
        yield
        self.averaged = False

    def save(self):
        self.saved += 1


@pytest.fixture
def evaluations(monkeypatch):
    """[(step, whether the weights were averages)]; the metric is in `scores`."""
    made = types.SimpleNamespace(scores=[], runs=[], states=[])

    class Evaluation:
        metric_names = (MAP,)

        def __init__(self, config, detector, output_dir):
            made.output_dir = output_dir

        def run(self, step):
            made.runs.append((step, made.states[-1].averaged))
            return {MAP: made.scores.pop(0)}

    monkeypatch.setattr(validation, "Evaluation", Evaluation)
    return made


def config(readers=1, **settings):
    made = pipeline_pb2.TrainEvalPipelineConfig()
    made.eval_config.best_metric = MAP
    for _ in range(readers):
        made.eval_input_reader.add()
    for name, value in settings.items():
        getattr(made.eval_config, name).MergeFrom(value)
    return made


def history(folder):
    lines = (folder / "eval_history.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def validator(folder, evaluations, step=0, writes=True, **settings):
    state = State(step)
    evaluations.states.append(state)
    return Validation(config(**settings), state, folder, writes), state


def test_the_averages_are_evaluated_and_the_best_is_saved(tmp_path, evaluations):
    """.1 and .3 are the best so far, .2 is not."""
    validate, state = validator(tmp_path, evaluations)
    evaluations.scores = [0.1, 0.3, 0.2]
    saved = []
    for step in (1, 2, 3):
        assert validate.run(step)[MAP] in (0.1, 0.3, 0.2)
        saved.append(state.saved)
    assert evaluations.runs == [(1, True), (2, True), (3, True)]
    assert saved == [1, 2, 2] and history(tmp_path) == [1, 2, 3]


def test_one_that_does_not_write_leaves_no_file(tmp_path, evaluations):
    validate, state = validator(tmp_path, evaluations, writes=False)
    evaluations.scores = [0.1]
    assert validate.run(1) == {MAP: 0.1}
    assert state.saved == 0 and not list(tmp_path.iterdir())
    assert evaluations.output_dir is None


def test_an_evaluation_that_was_cut_short_is_made_up_for(tmp_path, evaluations):
    """Step 4 was due and is not in the history; the second time it is."""
    evaluations.scores = [0.5]
    validate, _ = validator(tmp_path, evaluations, step=4)
    assert validate.catch_up(due=False) == {}
    assert validate.catch_up(due=True)[MAP] == 0.5
    assert validate.catch_up(due=True)[MAP] == 0.5
    assert [step for step, _ in evaluations.runs] == [4]


def test_patience(tmp_path, evaluations):
    """Two evaluations without a better one are enough."""
    patience = pipeline_pb2.TrainEvalPipelineConfig().eval_config.early_stopping
    patience.patience = 2
    validate, _ = validator(tmp_path, evaluations, early_stopping=patience)
    evaluations.scores = [0.3, 0.2, 0.1]
    stops = []
    for step in (1, 2, 3):
        validate.run(step)
        stops.append(validate.should_stop())
    assert stops == [False, False, True]
    elsewhere = ValidationElsewhere(config(early_stopping=patience), State(3), tmp_path)
    assert elsewhere.should_stop()


def test_without_a_reader_nothing_is_evaluated(tmp_path, evaluations):
    validate, _ = validator(tmp_path, evaluations, readers=0)
    assert validate.run(1) == validate.catch_up(due=True) == {}
    assert evaluations.runs == [] and not validate.should_stop()


def test_a_metric_that_is_none_of_the_evaluation_s(tmp_path, evaluations):
    made = config()
    made.eval_config.best_metric = "mAP"
    evaluations.states.append(State())
    with pytest.raises(ConfigError, match="mAP"):
        Validation(made, State(), tmp_path, True)


def test_an_evaluator_elsewhere_is_read_and_never_run(tmp_path, evaluations):
    validate, _ = validator(tmp_path, evaluations)
    evaluations.scores = [0.3]
    validate.run(1)
    elsewhere = ValidationElsewhere(config(), State(1), tmp_path)
    assert elsewhere.run(2) == {}
    assert elsewhere.catch_up(due=True)[MAP] == 0.3
    assert not elsewhere.should_stop()
    assert [step for step, _ in evaluations.runs] == [1]
