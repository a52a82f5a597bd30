"""What compositions are tried on: resuming, two devices, asynchronous workers."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
from cluster_kit import running

from od_api.checkpoints import checkpoint_files
from od_api.train import train

TESTS = pathlib.Path(__file__).parent


def groups_of(folder, step):
    """{group: {variable: array}} of a checkpoint."""
    return checkpoint_files.read(str(folder / f"ckpt-{step}"))[0]


def check_resume_is_exact(config, folder):
    """Four steps in one go and in two parts end with the same numbers, to the bit.

    Returns:
      The groups after four steps.
    """
    config.train_config.checkpoint_every_n_steps = 2
    train(config, folder / "whole", num_steps=4, evaluate_on_the_way=False)
    # What is there when a run ends between the two checkpoints.
    shutil.copytree(
        folder / "whole", folder / "parts", ignore=shutil.ignore_patterns("*ckpt-4*")
    )
    train(config, folder / "parts", num_steps=4, evaluate_on_the_way=False)
    whole, parts = (groups_of(folder / name, 4) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for group, values in whole.items():
        for variable, value in values.items():
            np.testing.assert_array_equal(parts[group][variable], value, variable)
    return whole


def in_step(config_path, folder):
    """The groups after three steps on one device, and on two."""
    outcome = subprocess.run(
        [
            sys.executable,
            str(TESTS / "mirrored_training.py"),
            str(config_path),
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert outcome.returncode == 0, outcome.stderr
    return [groups_of(folder / name, 3) for name in ("one", "two")]


def check_equal(one, two):
    """The weights of a device and those of two, but for rounding."""
    for variable, value in one["model"].items():
        np.testing.assert_allclose(
            two["model"][variable], value, rtol=1e-4, atol=1e-5, err_msg=variable
        )


def apart(one, two):
    """The largest difference of any weight."""
    return max(np.abs(two["model"][n] - v).max() for n, v in one["model"].items())


def train_apart(config_paths, folder, steps=2):
    """Trains configs in one cluster of a chief, a worker and a parameter server.

    Each into `folder`, under its own name; all weights are finite.
    """
    script = "tests/asynchronous_training.py"
    command = [script, str(steps), str(folder), *map(str, config_paths)]
    with running(folder / "logs", command, chief=1, worker=1, ps=1) as cluster:
        assert cluster.wait() == 0, cluster.log()
    for path in config_paths:
        for variable, value in groups_of(folder / path.stem, steps)["model"].items():
            assert np.isfinite(value).all(), variable
