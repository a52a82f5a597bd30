"""Each network at toy scale is trained beforehand, in a detector without technique."""

import pathlib
import sys

import pytest
import toy_scale

BENCHMARKS = pathlib.Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import technique_bases  # noqa: E402
import technique_pretraining  # noqa: E402


@pytest.mark.parametrize("network", technique_pretraining.DETECTORS)
def test_a_detector_of_each_network(network):
    config = technique_pretraining.config_of(network, "DATA")
    assert toy_scale.backbone_name(config) == network
    assert config.train_config.batch_size == technique_pretraining.BATCH_SIZE
    assert not config.train_config.fine_tune_checkpoint


@pytest.mark.parametrize("name", technique_bases.names())
def test_technique_and_base_start_from_one_of_them(name):
    def small(config, **options):
        return toy_scale.toy(config, "DATA", **options)

    networks = {
        toy_scale.backbone_name(subject.config)
        for subject in technique_bases.pair(name, small)
    }
    assert len(networks) == 1 and networks <= set(technique_pretraining.DETECTORS)
