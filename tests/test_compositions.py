"""Compositions other than SSD and Faster R-CNN: they learn, export, resume, and train
in step and apart."""

import pytest
import tiny
import tiny_compositions
import training_kit

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.export import export
from od_api.train import train

MODELS = sorted(tiny_compositions.MODELS.items())
# Faster R-CNN resumes and trains in step in other modules, whatever its objective; a
# list of stages is another composition.
DENSE = [name for name, text in MODELS if "ssd {" in text]
ONE_STAGE = [*DENSE, "corners"]
# Steps, optimizer and largest rate; benchmarks/*_proofs.py have the rest.
LESSON = (200, "adam_optimizer", 0.005)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("data"), num_images=4)


def test_ranges_must_be_as_many_as_levels(data, tmp_path):
    config = tiny_compositions.config_for(tmp_path, data, "fcos")
    assigner = config.model.ssd.objective.matched.matcher.fcos_assigner
    del assigner.range_limits[:]
    with pytest.raises(ConfigError, match="5 levels, and there are 3") as caught:
        build_field(config, "model")
    assert caught.value.field_path == (
        "model.ssd.objective.matched.matcher.fcos_assigner.range_limits"
    )


def lesson(steps, optimizer, rate):
    """Overrides that make a short training of it."""
    schedule = (
        f"cosine_decay_learning_rate {{learning_rate_base: {rate} total_steps: {steps} "
        f"warmup_learning_rate: {rate / 10} warmup_steps: 20}}"
    )
    return [
        f"train_config.checkpoint_every_n_steps={steps}",
        f"train_config.optimizer={{{optimizer} {{learning_rate {{{schedule}}}}} "
        "use_moving_average: false}",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", DENSE)
def test_four_images_are_overfitted_and_the_export_agrees(name, data, tmp_path):
    config = tiny_compositions.config_for(tmp_path, data, name, *lesson(*LESSON))
    metrics = train(config, tmp_path / "model", num_steps=LESSON[0]).metrics
    assert metrics["DetectionBoxes_Precision/mAP"] > 0.9
    differences = export(config, tmp_path / "model", tmp_path / "exported")
    assert differences["scores"] <= 1e-5
    assert differences["boxes"] <= 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ONE_STAGE, "cascade"])
def test_resume_repeats_an_uninterrupted_run_to_the_bit(name, data, tmp_path):
    config = tiny_compositions.config_for(tmp_path, data, name)
    training_kit.check_resume_is_exact(config, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_STAGE)
def test_two_devices_equal_one(name, data, tmp_path):
    """Normalisers are of the whole batch."""
    config = tiny_compositions.write_config(tmp_path, data, name)
    training_kit.check_equal(*training_kit.in_step(config, tmp_path))


@pytest.mark.slow
def test_asynchronous_steps(data, tmp_path):
    """One after another, in one cluster; region_proofs.json has those of two stages."""
    paths = [tiny_compositions.write_config(tmp_path, data, n) for n in ONE_STAGE]
    training_kit.train_apart(paths, tmp_path)
