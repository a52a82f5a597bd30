"""Each technique has a base, from which it differs at toy scale too."""

import pathlib
import sys

import pytest
import toy_scale

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import technique_bases  # noqa: E402
import techniques  # noqa: E402


def small(config, **options):
    return toy_scale.toy(config, "DATA", **options)


@pytest.mark.parametrize("name", technique_bases.names())
def test_base(name):
    """It fails with what to do about it, where a config has none."""
    mine, base = technique_bases.pair(name, small)
    assert mine.name != base.name


@pytest.mark.parametrize("name", technique_bases.names())
def test_augmentations_are_added_and_none_is_lost(name):
    """A list in a config takes the place of its base's: what stays is written again."""
    mine, base = (
        [step.WhichOneof("preprocessing_step") for step in steps]
        for steps in (
            subject.config.train_config.data_augmentation_options
            for subject in technique_bases.pair(name, small)
        )
    )
    assert set(base) <= set(mine)


def test_a_config_without_base_is_told(tmp_path, monkeypatch):
    path = tmp_path / "alone.config"
    path.write_text("model { ssd {} }")
    monkeypatch.setattr(technique_bases, "technique_configs", lambda: {"alone": path})
    with pytest.raises(LookupError, match="has no base: name the config"):
        technique_bases.pair("alone", small)


def test_suppression_needs_no_training_of_its_own():
    mine, base = technique_bases.pair("ssd_mobilenet_v1_soft_nms", small)
    assert mine.training == base.training
    mine, base = technique_bases.pair("ssd_mobilenet_v1_weighted_giou", small)
    assert mine.training != base.training


def test_exceptions_are_techniques():
    assert set(technique_bases.WITHOUT) <= set(technique_bases.names())


@pytest.mark.parametrize("mean, low", [(0.149, True), (0.151, False), (0.3, False)])
def test_what_is_looked_into(mean, low):
    """More than .05 below the least of the base, whose range is .2 to .3."""
    base = {"mean": 0.25, "least": 0.2, "most": 0.3}
    row = {"mAP": {"mean": mean}, "base_mAP": base}
    assert techniques.is_low(row) == low


def test_spread():
    assert techniques.spread([0.1, 0.3, 0.2]) == {
        "mean": 0.2,
        "least": 0.1,
        "most": 0.3,
    }
