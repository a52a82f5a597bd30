"""The loop of training: its goals, and how few calls lead from a command to a loss."""

import pathlib
import traceback

import flag_script
import pytest
import tiny

from od_api import cli
from od_api.detectors.ssd import Ssd
from od_api.training.loop import Rhythm

ROOT = pathlib.Path(__file__).parent.parent.parent
MOST_FRAMES = 10


@pytest.mark.parametrize(
    ("step", "goal"), [(0, 4), (3, 4), (4, 6), (6, 8), (8, 10), (9, 10)]
)
def test_goals_are_saves_evaluations_and_the_end(step, goal):
    """Checkpoints at 4 and 8, an evaluation at 6, the end at 10."""
    assert Rhythm(save_every=4, evaluate_every=6, last_step=10).goal(step) == goal


def test_what_is_due():
    rhythm = Rhythm(save_every=4, evaluate_every=6, last_step=10)
    assert [step for step in range(1, 11) if rhythm.saves(step)] == [4, 8, 10]
    assert [step for step in range(1, 11) if rhythm.evaluates(step)] == [6, 10]
    assert rhythm.evaluates(12), "a run that is resumed behind its end"


def test_evaluations_are_as_often_as_checkpoints_by_default(tmp_path):
    config = tiny.config_for(tmp_path, tmp_path)
    assert Rhythm.of(config, 7) == (2, 2, 7)
    config.eval_config.eval_every_n_steps = 3
    config.train_config.checkpoint_every_n_steps = 0
    assert Rhythm.of(config, 7) == (1, 3, 7)


def frames():
    """The functions of ours that are being called, the outermost first."""
    ours = (str(ROOT / "od_api"), str(ROOT / "model_main.py"))
    return [
        f"{pathlib.Path(frame.filename).stem}.{frame.name}"
        for frame in traceback.extract_stack()
        if frame.filename.startswith(ours)
    ]


def test_few_frames_from_a_command_to_a_loss(tmp_path, monkeypatch):
    """Whoever debugs a loss meets few functions: `losses` itself is counted, too."""
    config = tiny.write_config(tmp_path, tiny.make_data(tmp_path, num_images=4))
    seen, losses = [], Ssd.losses

    def noted(self, *arguments):
        seen.append([*frames(), "ssd.losses"])
        return losses(self, *arguments)

    monkeypatch.setattr(Ssd, "losses", noted)
    command = ["train", str(config), str(tmp_path / "a"), "--num-steps=1", "--no-eval"]
    assert cli.main(command) == 0
    flags = ["--num_train_steps=1", "--noevaluate", f"--model_dir={tmp_path / 'b'}"]
    script = ["model_main.py", f"--pipeline_config_path={config}", *flags]
    assert flag_script.run(*script) == 0
    by_command, by_script = seen
    assert by_command[0] == "cli.main" and by_script[0] == "model_main.main"
    assert "loop.take_steps" in by_command and "loop.take_steps" in by_script
    assert len(by_command) <= MOST_FRAMES, by_command
    assert len(by_script) <= MOST_FRAMES, by_script
