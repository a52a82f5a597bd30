"""Training in step: over devices, over processes, and equal to one device."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tiny
from cluster_kit import running

from od_api.checkpoints import checkpoint_files

SCRIPT = pathlib.Path(__file__).parent / "synchronous_training.py"
BATCH_NORM = "batch_norm { scale: true decay: 0.9 epsilon: 0.01 }"
# Where units lie on the kink of a ReLU, or two anchors are equally hard, rounding
# decides: one device that sees the same 8 images in another order then gets gradients
# that differ by a fifth. So everything here is smooth, and no map is as small as 1x1.
SMOOTH = {
    "num_layers: 4": "num_layers: 2",
    "scales: [0.2, 0.4, 0.6, 0.8]": "scales: [0.3, 0.6]",
    "RELU_6\n        initializer { truncated_normal_initializer { stddev: 0.03 } }": (
        "SWISH\n        initializer { variance_scaling_initializer {} }"
    ),
    "epsilon: 0.001": "epsilon: 0.01",
}
RUN = {
    "batch_size: 4": "batch_size: 8",
    "num_steps: 4": "num_steps: 10",
    "checkpoint_every_n_steps: 2": "checkpoint_every_n_steps: 5",
    "learning_rate: 0.02": "learning_rate: 0.001",
    "train_config {": (
        "train_config {\n  data_augmentation_options { random_horizontal_flip {} }"
    ),
}


def write_config(folder, data, synchronized):
    """The tiny config with 10 steps of 8 images and momentum; its path."""
    text = tiny.write_config(folder, data).read_text()
    replacements = {**SMOOTH, **RUN}
    if synchronized:
        replacements[BATCH_NORM] = f"sync_{BATCH_NORM}"
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    text, mined = re.subn(r"hard_example_miner \{[^}]*\}", "", text)
    assert mined
    path = folder / f"{'together' if synchronized else 'drifting'}.config"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("synchronous"))


@pytest.fixture(scope="module")
def devices(data, tmp_path_factory):
    """(folder, output) of `synchronous_training.py`, whose process has two CPUs."""
    folder = tmp_path_factory.mktemp("devices")
    configs = [write_config(folder, data, together) for together in (True, False)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, configs), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def assert_equal_training(folder, wanted, step=10):
    """All of a checkpoint, weights, slots and batch-norm statistics, up to 1e-5."""
    groups, _ = checkpoint_files.read(str(folder / f"ckpt-{step}"))
    expected, _ = checkpoint_files.read(str(wanted / f"ckpt-{step}"))
    assert any("moving_variance" in name for name in expected["model"])
    assert groups.keys() == expected.keys()
    for group, values in expected.items():
        assert groups[group].keys() == values.keys()
        for name, value in values.items():
            np.testing.assert_allclose(
                groups[group][name], value, rtol=1e-5, atol=1e-5, err_msg=name
            )


def test_two_devices_equal_one(devices):
    """10 steps of momentum with `sync_batch_norm`, the same 8 images a step.

    Meanwhile weights and averages move by .03 and more.
    """
    folder, _ = devices
    assert_equal_training(folder / "two", folder / "one")
    first, last = (
        checkpoint_files.read(str(folder / "one" / f"ckpt-{step}"))[0]["model"]
        for step in (5, 10)
    )
    for kind in ("kernel", "moving_mean", "moving_variance"):
        moved = [np.abs(last[n] - first[n]).max() for n in last if n.endswith(kind)]
        assert max(moved) > 0.03, kind


def test_averages_that_are_not_synchronised_do_not_drift_apart(devices):
    """Each replica normalises by its own images; the moving averages are averaged."""
    _, output = devices
    lines = [line.split(": ")[1].split(" / ") for line in output.splitlines()]
    assert len(lines) > 20
    assert all(float(apart) == 0 and float(moved) > 0 for apart, moved in lines)


@pytest.mark.slow
def test_two_processes_equal_one_device_and_resume(data, devices, tmp_path):
    """MultiWorkerMirroredStrategy: `od-api train` twice, for 5 steps and then to 10."""
    config = write_config(tmp_path, data, synchronized=True)
    model = tmp_path / "model"
    command = ["-m", "od_api.cli", "train", str(config), str(model), "--no-eval"]
    for steps in (5, 10):
        arguments = [*command, "--num-steps", str(steps)]
        with running(tmp_path / str(steps), arguments, worker=2) as cluster:
            for index in range(2):
                status = cluster.wait("worker", index)
                assert status == 0, cluster.log("worker", index)
    assert "resumed" in cluster.log("worker", 0)
    assert_equal_training(model, devices[0] / "one")


def test_a_tpu_that_is_not_there(data, tmp_path):
    config = write_config(tmp_path, data, synchronized=False)
    command = ["-m", "od_api.cli", "train", str(config), str(tmp_path / "model")]
    done = subprocess.run(
        [sys.executable, *command, "--use-tpu"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.returncode == 2, done.stderr
    errors = [s for s in done.stderr.splitlines() if s.startswith("error:")]
    assert len(errors) == 1 and "TPU" in errors[0] and "--use_tpu" in errors[0]
    assert "Traceback" not in done.stderr
