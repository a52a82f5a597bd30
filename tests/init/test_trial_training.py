"""A trial says how long a step takes, or what stands in its way."""

import json
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf
import tiny

from od_api.core.errors import UserError
from od_api.init import trial_training


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trial")
    return tiny.write_config(folder, tiny.make_data(folder, num_images=4))


def test_a_training_is_timed_and_leaves_nothing(config):
    before = sorted(config.parent.iterdir())
    found = trial_training._tried(str(config))
    assert found["outcome"] == trial_training.DONE
    assert 0 < found["seconds"] < 60
    assert found["peak_bytes"] > 50e6, "TensorFlow alone takes more"
    assert found["devices"] == 1
    assert found["on_gpu"] == bool(tf.config.list_physical_devices("GPU"))
    assert sorted(config.parent.iterdir()) == before


def test_the_users_faults_are_told(config, tmp_path):
    text = config.read_text().replace("scenes.record", "gone.record")
    (tmp_path / "a.config").write_text(text)
    found = trial_training._tried(str(tmp_path / "a.config"))
    assert found["outcome"] == trial_training.WRONG
    assert "gone.record" in found["message"]


@pytest.mark.parametrize(
    "error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "no room")]
)
def test_too_little_memory_is_no_fault(monkeypatch, error):
    def full(_):
        raise error

    monkeypatch.setattr(trial_training, "_timed", full)
    assert trial_training._tried("a.config") == {"outcome": trial_training.FULL}


def test_faults_of_the_program_are_not_hidden(monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(trial_training, "_timed", broken)
    with pytest.raises(ZeroDivisionError):
        trial_training._tried("a.config")
    monkeypatch.setattr(
        trial_training, "_timed", lambda _: (_ for _ in ()).throw(UserError("no"))
    )
    assert trial_training._tried("a.config")["message"] == "no"


def test_it_runs_by_itself_and_ends_first(tmp_path):
    """A process of its own: no such config is a result, and no traceback."""
    result = tmp_path / "result.json"
    look = (
        "import pathlib, sys; from od_api.init import trial_training as t;"
        "t.main(*sys.argv[1:]); score = pathlib.Path('/proc/self/oom_score_adj');"
        "print(score.read_text() if score.exists() else 1000)"
    )
    command = [sys.executable, "-c", look, "gone.config", str(result)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(result.read_text())["outcome"] == trial_training.WRONG
    assert int(ended.stdout) == 1000
    assert "Traceback" not in ended.stderr
    assert pathlib.Path("gone.config").exists() is False
