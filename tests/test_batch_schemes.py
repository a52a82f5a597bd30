"""Batch schemes in training: exact resume, several devices, workers, refusals."""

import types

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_compositions
import training_kit
from google.protobuf import text_format
from tiny_schemes import SCALES, SCHEMES, config_of, with_chips, write_config

from od_api.batch_schemes.stitcher import Stitcher
from od_api.config.loading import load_config
from od_api.config_check import check_config
from od_api.core.errors import ConfigError
from od_api.data.batch_fields import numeric
from od_api.data.inputs import TrainingInput
from od_api.data.schemes import Schemes
from od_api.protos import train_pb2
from od_api.training import start
from od_api.training.state import TrainingState

STATE = "0/stitcher/share"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("data"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["both", "stitched_batch"])
def test_resume_repeats_an_uninterrupted_run_to_the_bit(name, data, tmp_path):
    config = config_of(tmp_path, data, SCHEMES[name])
    groups = training_kit.check_resume_is_exact(config, tmp_path)
    assert ("schemes" in groups) == (name != "both")


@pytest.mark.slow
def test_resume_with_chips_repeats_an_uninterrupted_run(data, tmp_path):
    """Of several sizes, and stitched by what the losses say."""
    path = with_chips(tmp_path, data, SCHEMES["sizes_stitched"])
    groups = training_kit.check_resume_is_exact(load_config(path), tmp_path)
    assert "schemes" in groups


@pytest.mark.slow
def test_two_devices_see_the_chips_of_one(data, tmp_path):
    """The same chips, sizes and shares on both, so equal to one."""
    path = with_chips(tmp_path, data, SCHEMES["sizes_stitched"])
    one, two = training_kit.in_step(path, tmp_path)
    training_kit.check_equal(one, two)
    (share,) = one["schemes"].values()
    np.testing.assert_allclose(*two["schemes"].values(), share, rtol=1e-4)


@pytest.mark.slow
def test_two_devices_draw_of_their_own(data, tmp_path):
    """Mixup draws on each: nearly equal to one, and not quite."""
    path = write_config(tmp_path, data, SCHEMES["both"])
    assert 1e-5 < training_kit.apart(*training_kit.in_step(path, tmp_path)) < 0.1


@pytest.mark.slow
def test_asynchronous_steps(data, tmp_path):
    chips = with_chips(tmp_path, data)
    # Both are written under one name first.
    schemes = write_config(tmp_path, data, SCHEMES["both"])
    training_kit.train_apart([schemes, chips], tmp_path)


def test_a_step_reads_two_images_for_one_and_sees_the_sizes(data, tmp_path):
    config = config_of(tmp_path, data, SCHEMES["both"])
    source = TrainingInput(config)
    state = TrainingState(config, tmp_path / "model", tf.distribute.get_strategy())
    batches = source.training_dataset(state.detector, 0).take(8)
    sizes = {tuple(batch["image"].shape) for batch in batches}
    assert sizes == {(8, 64, 64, 3), (8, 96, 96, 3)}
    shown = next(source.shown(batches, 0, state.schemes))
    assert shown["image"].shape[0] == 4
    later = next(iter(source.training_dataset(state.detector, 5)))
    np.testing.assert_array_equal(later["image"], list(batches)[5]["image"])


@pytest.mark.parametrize("tau, form", [(0, "regular"), (1, "stitched")])
def test_without_feedback_it_is_a_run_of_such_batches(tau, form, data, tmp_path):
    """Steps with the scheme, and without it on batches that are made beforehand."""
    scheme = f"batch_schemes {{ stitcher {{ tau: {tau} }} }}"
    losses = {}
    for name, schemes in (("scheme", scheme), ("plain", "")):
        config = config_of(tmp_path, data, schemes)
        state = TrainingState(config, tmp_path / "model", tf.distribute.get_strategy())
        if name == "scheme":
            source = TrainingInput(config)
            read = [*source.training_dataset(state.detector, 0).take(3)]
            batches = read
        else:
            make = getattr(Stitcher(), form)
            batches = [make(numeric(batch)) for batch in read]
        assert read[0]["image"].shape[0] == 16
        losses[name] = [float(state.take_step(b)["total_loss"]) for b in batches]
    np.testing.assert_allclose(losses["scheme"], losses["plain"], rtol=1e-5)


def test_every_other_batch_is_stitched_by_what_the_losses_say(data, tmp_path):
    """The first one is; with more small objects than before the second one is not."""
    config = config_of(tmp_path, data, SCHEMES["stitcher"])
    state = TrainingState(config, tmp_path / "model", tf.distribute.get_strategy())
    shares = []
    source = TrainingInput(config)
    for batch in source.training_dataset(state.detector, 0).take(3):
        state.take_step(batch)
        shares.append(float(state.schemes.variables[STATE]))
    assert shares[0] > 0.5 > shares[1] and shares[2] > 0.5


@pytest.mark.parametrize(
    "schemes, place, complaint",
    [
        ("batch_schemes { mixup { alpha: 0 } }", "[0].mixup.alpha", "above 0"),
        ("batch_schemes { multi_scale {} }", "[0].multi_scale", "no size"),
        (
            "batch_schemes { mixup {} } batch_schemes {}",
            "[1]",
            "set one of mixup, multi_scale, stitcher",
        ),
        (
            f"jit_compile: true {SCALES}",
            "[0].multi_scale",
            "changes the size of images",
        ),
        (
            f"jit_compile: true {SCHEMES['stitched_batch']}",
            "[0].stitcher",
            "changes the size of images",
        ),
        ("batch_schemes { stitcher { k: 6 } }", "[0].stitcher.k", "square number"),
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
    path = write_config(tmp_path, data, schemes)
    with pytest.raises(ConfigError, match=complaint) as caught:
        TrainingInput(load_config(path))
    assert caught.value.field_path == f"train_config.batch_schemes{place}"
    assert complaint in check_config(path)["message"]


def test_an_unknown_scheme_is_told_the_nearest(data, tmp_path):
    with pytest.raises(ConfigError, match="mixup"):
        load_config(write_config(tmp_path, data, "batch_schemes { mixupp {} }"))


def test_stitcher_is_refused_on_asynchronous_workers(data, tmp_path):
    config = config_of(tmp_path, data, SCHEMES["both"] + SCHEMES["stitcher"])
    cluster = types.SimpleNamespace(has_parameter_servers=True, is_chief=True)
    options = start.Options(tf.distribute.get_strategy(), cluster)
    with (
        pytest.raises(ConfigError, match="asynchronous workers do not know") as caught,
        start.prepared(config, tmp_path / "model", options),
    ):
        pass
    assert caught.value.field_path == "train_config.batch_schemes[2].stitcher"
    assert not (tmp_path / "model").exists()


def test_stitcher_is_refused_where_losses_are_not_told(tmp_path, data):
    path = tiny_compositions.write_config(tmp_path, data, "free_anchor")
    path.write_text(
        path.read_text().replace(
            "train_config {", f"train_config {{ {SCHEMES['stitcher']}"
        )
    )
    with pytest.raises(ConfigError, match="needs the objective matched") as caught:
        TrainingState(load_config(path), tmp_path, tf.distribute.get_strategy())
    assert caught.value.field_path == "train_config.batch_schemes[0].stitcher"
    assert "needs the objective matched" in check_config(path)["message"]


@pytest.mark.parametrize("name, factor", [("both", 2), ("stitcher", 4)])
def test_a_batch_that_is_not_of_whole_groups_is_refused(name, factor):
    settings = train_pb2.TrainConfig()
    for scheme in SCHEMES[name].split("batch_schemes")[1:2]:
        text_format.Parse(f"batch_schemes {scheme}", settings)
    with pytest.raises(ConfigError, match=f"a multiple of {factor}") as caught:
        Schemes(settings)({"image": tf.zeros([5, 8, 8, 3])}, tf.constant([1, 2]))
    assert caught.value.field_path.startswith("train_config.batch_schemes[0].")
