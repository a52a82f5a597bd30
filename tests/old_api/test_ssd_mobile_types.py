"""Types of SSD on the later mobile networks."""

import pytest
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.old_api.feature_extractor_aliases import typed_parts
from od_api.protos import ssd_pb2


def parts(name, text=""):
    message = ssd_pb2.SsdFeatureExtractor(type=name)
    return typed_parts(text_format.Parse(text, message))


@pytest.mark.parametrize("size", ["large", "small"])
def test_mobilenet_v3(size):
    backbone, neck = parts(f"ssd_mobilenet_v3_{size}", "depth_multiplier: 0.75")
    network = backbone.mobilenet_v3
    assert network.size == size and network.halved_top
    assert (network.depth_multiplier, network.min_depth) == (0.75, 16)
    assert network.conv_hyperparams.batch_norm.decay == pytest.approx(0.9997)
    assert list(neck.ssd_feature_maps.levels) == ["C4_expanded", "C5"]
    assert list(neck.ssd_feature_maps.extra_depths) == [512, 256, 256, 128]


@pytest.mark.parametrize("target", ["cpu", "dsp", "edgetpu", "gpu"])
def test_mobiledet_keeps_its_own_settings(target):
    override = (
        "override_base_feature_extractor_hyperparams: true "
        "conv_hyperparams { activation: SWISH batch_norm {} }"
    )
    backbone, neck = parts(f"ssd_mobiledet_{target}", override)
    network = backbone.mobiledet
    assert network.target == target and network.min_depth == 16
    assert [f.name for f, _ in network.conv_hyperparams.ListFields()] == ["regularizer"]
    assert list(neck.ssd_feature_maps.levels) == ["C4", "C5"]


def test_mobilenet_edgetpu_keeps_its_activation():
    text = (
        "override_base_feature_extractor_hyperparams: true "
        "conv_hyperparams { activation: RELU_6 batch_norm { decay: 0.97 } }"
    )
    backbone, neck = parts("ssd_mobilenet_edgetpu", text)
    settings = backbone.mobilenet_edgetpu.conv_hyperparams
    assert settings.activation == settings.RELU
    assert settings.batch_norm.decay == pytest.approx(0.97)
    assert list(neck.ssd_feature_maps.levels) == ["C4_expanded", "C5"]


@pytest.mark.parametrize("name", ["ssd_mobiledet_cpu", "ssd_mobilenet_edgetpu"])
def test_explicit_padding_is_refused(name):
    with pytest.raises(ConfigError, match="is not for type") as caught:
        parts(name, "use_explicit_padding: true")
    assert caught.value.field_path == "use_explicit_padding"
