"""An evaluator beside training: every checkpoint once, whatever it was killed in."""

import pytest
import tensorflow as tf

from od_api import follow as module
from od_api.checkpoints import checkpoint_files
from od_api.checkpoints.best_checkpoint import BestCheckpoint
from od_api.checkpoints.checkpoint import Checkpoints
from od_api.core.errors import UserError
from od_api.follow import follow
from od_api.protos import pipeline_pb2
from od_api.training.history import read_history

MAP = "DetectionBoxes_Precision/mAP"
VALUES = {2: 0.2, 4: 0.6, 6: 0.4, 8: 0.5}


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Saves checkpoints; `run.evaluated` are the steps that were evaluated."""

    class Run:
        evaluated, kill_at, meanwhile = [], None, {}
        step = tf.Variable(0, dtype=tf.int64)

        def save(self, *numbers):
            for number in numbers:
                self.step.assign(number)
                self.checkpoints.save()

        def follow(self, num_steps=8, keep_best=True, **settings):
            config = pipeline_pb2.TrainEvalPipelineConfig()
            config.train_config.num_steps = num_steps
            return follow(config, tmp_path, keep_best=keep_best, **settings)

    run = Run()
    run.evaluated, run.meanwhile = [], {}
    run.checkpoints = Checkpoints(
        tmp_path, step=run.step, model={"a": tf.Variable(0.0)}, max_to_keep=3
    )

    class Evaluation:
        def __init__(self, *_):
            self.metric_names = [MAP]

        def run(self, step):
            if step == run.kill_at:
                run.kill_at = None
                raise Killed
            run.evaluated.append(step)
            run.save(*run.meanwhile.pop(step, ()))
            return {MAP: VALUES[step]}

    monkeypatch.setattr(module, "Evaluation", Evaluation)
    monkeypatch.setattr(
        module,
        "detector_for_inference",
        lambda _: (None, lambda path: checkpoint_files.read(path)[1]),
    )
    return run


def history(path):
    return {e["step"]: e["metrics"][MAP] for e in read_history(path)}


def test_what_appears_during_an_evaluation_is_evaluated_too(run, tmp_path):
    run.save(2)
    run.meanwhile = {2: (4, 6), 6: (8,)}
    assert run.follow() == {MAP: 0.5}
    assert run.evaluated == [2, 6, 8, 4]
    assert history(tmp_path) == VALUES
    assert BestCheckpoint(tmp_path).record()["step"] == 4


@pytest.mark.parametrize("step", [2, 4, 8])
def test_killed_in_an_evaluation_it_is_made_up_for(run, tmp_path, step):
    run.kill_at = step
    for number in (2, 4):
        run.save(number)
        if number == step:
            with pytest.raises(Killed):
                run.follow(timeout=0)
        else:
            run.follow(timeout=0)
    run.save(6, 8)
    if step == 8:
        with pytest.raises(Killed):
            run.follow(timeout=0)
    run.follow()
    assert history(tmp_path) == VALUES
    assert BestCheckpoint(tmp_path).record()["step"] == 4


def test_killed_between_history_and_copy(run, tmp_path, monkeypatch):
    run.save(4)
    with monkeypatch.context() as patch:

        def killed(*_):
            raise Killed

        patch.setattr(BestCheckpoint, "choose", killed)
        with pytest.raises(Killed):
            run.follow(timeout=0)
    run.save(6, 8)
    run.follow()
    assert run.evaluated == [4, 8, 6]
    assert BestCheckpoint(tmp_path).record()["step"] == 4


def test_timeout_0_evaluates_what_is_there(run):
    with pytest.raises(UserError, match="no checkpoint appeared"):
        run.follow(timeout=0)
    run.save(2, 4)
    assert run.follow(timeout=0, keep_best=False) == {MAP: 0.6}
    assert run.evaluated == [4]


def test_a_checkpoint_that_training_drops_meanwhile_is_passed_over(
    run, tmp_path, monkeypatch
):
    run.save(4, 6)

    def restore(path):
        if path.endswith("ckpt-4"):
            checkpoint_files.remove(path)
        return checkpoint_files.read(path)[1]

    monkeypatch.setattr(module, "detector_for_inference", lambda _: (None, restore))
    run.follow(timeout=0)
    assert history(tmp_path) == {6: 0.4}


def test_the_history_of_a_run_before_does_not_count(run, tmp_path):
    """It has steps 2 to 8; the new run is at step 2."""
    run.save(2, 4, 6, 8)
    run.follow()
    for prefix in checkpoint_files.numbered(tmp_path).values():
        checkpoint_files.remove(prefix)
    run.save(2)
    run.follow(timeout=0)
    assert history(tmp_path) == {2: 0.2}
