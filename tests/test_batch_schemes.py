"""Batch schemes in training: exact resume, several devices, workers, refusals."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tiny
from cluster_kit import running

from od_api.checkpoints import checkpoint_files
from od_api.config.loading import load_config
from od_api.core.errors import ConfigError
from od_api.data.inputs import TrainingInput
from od_api.train import train
from od_api.training.state import TrainingState

SCALES = "batch_schemes { multi_scale { sizes: [64, 96] } }"
SCHEMES = {
    "multi_scale": SCALES,
    "both": "batch_schemes { mixup {} } " + SCALES,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("data"))


def write_config(folder, data, schemes):
    """The tiny config with batch schemes; returns its path."""
    folder.mkdir(exist_ok=True)
    return tiny.write_config(
        folder, data, "train_config {", f"train_config {{ {schemes}"
    )


def model_of(folder, step):
    groups, _ = checkpoint_files.read(str(folder / f"ckpt-{step}"))
    return groups["model"]


@pytest.mark.slow
def test_resume_repeats_an_uninterrupted_run_to_the_bit(data, tmp_path):
    config = load_config(write_config(tmp_path, data, SCHEMES["both"]))
    for folder, stops in (("whole", [4]), ("parts", [2, 4])):
        for last_step in stops:
            train(
                config,
                tmp_path / folder,
                num_steps=last_step,
                evaluate_on_the_way=False,
            )
    whole, parts = (model_of(tmp_path / folder, 4) for folder in ("whole", "parts"))
    for variable, value in whole.items():
        np.testing.assert_array_equal(parts[variable], value, variable)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["multi_scale", "both"])
def test_two_devices(name, data, tmp_path):
    """The same sizes on both, so equal to one; each draws shares of its own."""
    script = pathlib.Path(__file__).parent / "mirrored_training.py"
    path = write_config(tmp_path, data, SCHEMES[name])
    outcome = subprocess.run(
        [sys.executable, str(script), str(path), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert outcome.returncode == 0, outcome.stderr
    one, two = (model_of(tmp_path / folder, 3) for folder in ("one", "two"))
    apart = max(np.abs(two[name] - value).max() for name, value in one.items())
    if name == "multi_scale":
        assert apart < 1e-5
    else:
        assert 1e-5 < apart < 0.1


@pytest.mark.slow
def test_asynchronous_steps(data, tmp_path):
    path = write_config(tmp_path, data, SCHEMES["both"])
    command = ["tests/asynchronous_training.py", "2", str(tmp_path), str(path)]
    with running(tmp_path / "logs", command, chief=1, worker=1, ps=1) as cluster:
        assert cluster.wait() == 0, cluster.log()
    for variable, value in model_of(tmp_path / path.stem, 2).items():
        assert np.isfinite(value).all(), variable


def test_a_step_reads_two_images_for_one_and_sees_the_sizes(data, tmp_path):
    config = load_config(write_config(tmp_path, data, SCHEMES["both"]))
    source = TrainingInput(config)
    state = TrainingState(config, tmp_path / "model", tf.distribute.get_strategy())
    batches = source.training_dataset(state.detector, 0).take(8)
    sizes = {tuple(batch["image"].shape) for batch in batches}
    assert sizes == {(8, 64, 64, 3), (8, 96, 96, 3)}
    shown = next(source.shown(batches, 0))
    assert shown["image"].shape[0] == 4
    later = next(iter(source.training_dataset(state.detector, 5)))
    np.testing.assert_array_equal(later["image"], list(batches)[5]["image"])


@pytest.mark.parametrize(
    "schemes, place, complaint",
    [
        ("batch_schemes { mixup { alpha: 0 } }", "[0].mixup.alpha", "above 0"),
        ("batch_schemes { multi_scale {} }", "[0].multi_scale", "no size"),
        (
            "batch_schemes { mixup {} } batch_schemes {}",
            "[1]",
            "set one of mixup, multi_scale",
        ),
        (
            f"jit_compile: true {SCALES}",
            "[0].multi_scale",
            "changes the size of images",
        ),
        (
            "batch_schemes { multi_scale { image_resizer {} } }",
            "[0].multi_scale.image_resizer[0]",
            "is empty",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    schemes, place, complaint, data, tmp_path
):
    config = load_config(write_config(tmp_path, data, schemes))
    with pytest.raises(ConfigError, match=complaint) as caught:
        TrainingInput(config)
    assert caught.value.field_path == f"train_config.batch_schemes{place}"


def test_an_unknown_scheme_is_told_the_nearest(data, tmp_path):
    with pytest.raises(ConfigError, match="mixup"):
        load_config(write_config(tmp_path, data, "batch_schemes { mixupp {} }"))
