"""Training: exact resume, kills, best checkpoint, early stop, and what it says."""

import json
import logging
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny

from od_api.checkpoints import checkpoint_files
from od_api.checkpoints.finite_weights import TrainingDiverged
from od_api.config.loading import load_config
from od_api.core.errors import ConfigError
from od_api.evaluation.evaluation import Evaluation
from od_api.export import export
from od_api.train import train
from od_api.training.history import read_history

MAP = "DetectionBoxes_Precision/mAP"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("train"))


@pytest.fixture
def config(data, tmp_path):
    return tiny.config_for(tmp_path, data)


def weights(model_dir, step):
    groups, _ = checkpoint_files.read(str(model_dir / f"ckpt-{step}"))
    return groups


def assert_same(groups, others):
    assert groups.keys() == others.keys()
    for group in groups:
        assert groups[group].keys() == others[group].keys()
        for name, value in groups[group].items():
            np.testing.assert_array_equal(value, others[group][name], name)


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """Model directory of a run of 6 steps with averages, checkpoints every 2."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    settings = [
        "train_config.num_steps=6",
        "train_config.optimizer.use_moving_average=true",
        "train_config.data_augmentation_options=[{random_horizontal_flip {}}, "
        "{ssd_random_crop {}}]",
    ]
    config = tiny.config_for(folder, data, *settings)
    train(config, folder / "model", evaluate_on_the_way=False)
    return folder / "model"


def test_resume_repeats_an_uninterrupted_run_to_the_bit(uninterrupted, tmp_path):
    """Weights, statistics, slots and averages; data order and seeds included."""
    config = load_config(str(uninterrupted / "pipeline.config"))
    model = tmp_path / "model"
    for last_step in (2, 3, 6):
        train(config, model, num_steps=last_step, evaluate_on_the_way=False)
    assert_same(weights(model, 6), weights(uninterrupted, 6))


def start(config_path, model, *arguments):
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "od_api.cli", "train", str(config_path)]
    return subprocess.Popen(
        [*command, str(model), "--no-eval", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def wait_for(condition, process, seconds=180):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the run never got there"
        time.sleep(0.01)


@pytest.mark.slow
def test_kill_9_and_resume(uninterrupted, tmp_path):
    """Killed as soon as a checkpoint is being written; then the same command again."""
    config, model = uninterrupted / "pipeline.config", tmp_path / "model"
    process = start(config, model)
    wait_for(lambda: list(model.glob("**/*ckpt-4*")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = start(config, model)
    _, log = again.communicate(timeout=180)
    assert again.returncode == 0, log
    assert "resumed" in log
    assert_same(weights(model, 6), weights(uninterrupted, 6))


def test_nothing_to_do_says_so(uninterrupted, tmp_path, caplog):
    model = shutil.copytree(uninterrupted, tmp_path / "model")
    config = load_config(str(model / "pipeline.config"))
    caplog.set_level(logging.WARNING, logger="absl")
    result = train(config, model, num_steps=5)
    assert (result.reason, result.step) == ("nothing to do", 6)
    assert "already at step 6 and num_steps is 5" in caplog.text


def test_best_checkpoint_is_that_of_the_best_evaluation(config, tmp_path, monkeypatch):
    values = iter([0.2, 0.6, 0.4])
    monkeypatch.setattr(Evaluation, "run", lambda *_: {MAP: next(values)})
    model = tmp_path / "model"
    result = train(config, model, num_steps=6)
    assert [e["metrics"][MAP] for e in read_history(model)] == [0.2, 0.6, 0.4]
    best = json.loads((model / "best" / "best.json").read_text())
    assert (best["step"], best["metric"], best["value"]) == (4, MAP, 0.6)
    assert checkpoint_files.is_whole(str(model / "best" / "ckpt-4"))
    assert result.metrics == {MAP: 0.4}


def test_early_stopping(config, tmp_path, monkeypatch, caplog):
    config.eval_config.early_stopping.patience = 2
    values = iter([0.5, 0.4, 0.3, 0.2])
    monkeypatch.setattr(Evaluation, "run", lambda *_: {MAP: next(values)})
    caplog.set_level(logging.INFO, logger="absl")
    result = train(config, tmp_path / "model", num_steps=8)
    assert (result.reason, result.step) == ("stopped early", 6)
    assert result.checkpoint.endswith("ckpt-6")
    assert "best 0.5000 at step 2" in caplog.text


def test_evaluation_in_the_same_command(config, tmp_path, caplog):
    """Losses and mAP in history and report, pictures and event files in place."""
    caplog.set_level(logging.INFO, logger="absl")
    model = tmp_path / "model"
    result = train(config, model)
    assert result.reason == "finished"
    assert {MAP, "Loss/total_loss", "Loss/localization_loss"} <= result.metrics.keys()
    assert [e["step"] for e in read_history(model)] == [2, 4]
    for file in ("eval/eval_report.json", "eval/detections.jpg", "pipeline.config"):
        assert (model / file).is_file(), file
    assert (model / "train" / "first_batches.jpg").is_file()
    for folder in ("train", "eval"):
        assert list((model / folder).glob("events.out.*"))
    assert "step 4/4" in caplog.text and "images/s" in caplog.text


def test_mistakes_of_the_evaluation_are_named_before_training(config, tmp_path):
    config.eval_config.best_metric = "DetectionBoxes_Precision/map"
    with pytest.raises(ConfigError, match="did you mean DetectionBoxes_Precision/mAP"):
        train(config, tmp_path / "run")
    config.eval_config.ClearField("best_metric")
    config.eval_input_reader.add().CopyFrom(config.eval_input_reader[0])
    with pytest.raises(ConfigError, match="two reports need two names"):
        train(config, tmp_path / "run")
    assert not list((tmp_path / "run").glob("ckpt*"))


def test_a_loss_that_is_not_finite_names_the_term_and_the_images(config, tmp_path):
    config.train_config.optimizer.momentum_optimizer.learning_rate.Clear()
    rate = config.train_config.optimizer.momentum_optimizer.learning_rate
    # The largest settings that are taken make the second step's loss infinite.
    rate.constant_learning_rate.learning_rate = 1e9
    loss = config.model.ssd.loss
    loss.localization_weight = 1e9
    loss.localization_loss.weighted_l2.SetInParent()
    with pytest.raises(TrainingDiverged) as error:
        train(config, tmp_path / "model", evaluate_on_the_way=False)
    message = str(error.value)
    assert "_loss" in message and "not finite" in message
    assert "the images of the batch: " in message and "od-api data check" in message
    path = "train_config.optimizer.momentum_optimizer.learning_rate"
    field = f"{path}.constant_learning_rate.learning_rate"
    assert message.endswith(f"up to 1e+09: try 1e+08, with --set {field}=1e+08")
    assert not list((tmp_path / "model").glob("ckpt-*"))


def test_a_terminal_shows_training_evaluation_and_export(
    config, tmp_path, pseudo_terminal
):
    """Elsewhere the log has lines instead, which many tests read."""
    with pseudo_terminal as shown:
        train(config, tmp_path / "model", num_steps=2)
        export(config, tmp_path / "model", tmp_path / "export")
    for words in (
        "compiling the first step",
        "step 2/2",
        "total_loss",
        "evaluating",
        "exporting: freezing the network",
    ):
        assert words in shown.text, words


def test_frozen_variables_do_not_move(config, tmp_path):
    config.train_config.freeze_variables.append("^backbone/.*kernel")
    model = tmp_path / "model"
    train(config, model, num_steps=1, evaluate_on_the_way=False)
    before = weights(model, 1)["model"]
    train(config, model, num_steps=3, evaluate_on_the_way=False)
    after = weights(model, 3)["model"]
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    kernels = {name for name in before if name.endswith("kernel")}
    assert not {n for n in moved & kernels if n.startswith("backbone/")}
    assert {n for n in moved & kernels if n.startswith("head/")}


@pytest.mark.slow
def test_four_images_are_overfitted(tmp_path):
    """Measured: mAP .946, AP50 1.0."""
    schedule = (
        "cosine_decay_learning_rate {learning_rate_base: 0.02 total_steps: 400 "
        "warmup_learning_rate: 0.002 warmup_steps: 20}"
    )
    config = tiny.config_for(
        tmp_path,
        tiny.make_data(tmp_path, num_images=4),
        "train_config.checkpoint_every_n_steps=400",
        "train_config.optimizer={momentum_optimizer {learning_rate {"
        + schedule
        + "}} use_moving_average: false}",
    )
    result = train(config, tmp_path / "model", num_steps=400)
    assert result.metrics[MAP] > 0.9


@pytest.mark.parametrize("precision", ["MIXED_FLOAT16", "MIXED_BFLOAT16"])
def test_mixed_precision_trains(config, tmp_path, precision):
    config.train_config.precision = (
        config.train_config.DESCRIPTOR.fields_by_name["precision"]
        .enum_type.values_by_name[precision]
        .number
    )
    result = train(config, tmp_path / "model", num_steps=2, evaluate_on_the_way=False)
    assert result.step == 2
    groups = weights(tmp_path / "model", 2)
    assert all(np.isfinite(v).all() for v in groups["model"].values())
    assert {str(v.dtype) for v in groups["model"].values()} <= {"float32", "int64"}


def test_resolved_config_is_written(config, tmp_path):
    model = tmp_path / "model"
    train(config, model, num_steps=1, evaluate_on_the_way=False)
    assert load_config(str(model / "pipeline.config")) == config


def test_fine_tuning_takes_the_backbone(config, uninterrupted, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="absl")
    config.train_config.fine_tune_checkpoint = str(uninterrupted / "ckpt-6")
    config.model.ssd.num_classes = 6
    train(config, tmp_path / "model", num_steps=1, evaluate_on_the_way=False)
    assert "restored" in caplog.text and "backbone" in caplog.text


def test_cpu_devices_in_step_equal_one_device(data, tmp_path):
    """MirroredStrategy over two logical CPUs, in a process of its own."""
    script = pathlib.Path(__file__).parent / "mirrored_training.py"
    config = tiny.write_config(tmp_path, data)
    outcome = subprocess.run(
        [sys.executable, str(script), str(config), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert outcome.returncode == 0, outcome.stderr
    one = weights(tmp_path / "one", 3)["model"]
    two = weights(tmp_path / "two", 3)["model"]
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
