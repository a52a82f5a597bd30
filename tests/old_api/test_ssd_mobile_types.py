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
    assert (network.target, network.min_depth) == (target, 8)
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


@pytest.mark.parametrize(("name", "size"), [("", "medium"), ("_l", "large")])
def test_spaghettinet_reads_the_padding_alone(name, size):
    arch = f'spaghettinet_arch_name: "spaghettinet_edgetpu{name}"' if name else ""
    text = f"{arch} use_explicit_padding: true depth_multiplier: 0.5 num_layers: 3"
    backbone, neck = parts("ssd_spaghettinet", text)
    network = backbone.spaghettinet
    assert (network.size, network.use_explicit_padding) == (size, True)
    settings = network.conv_hyperparams
    assert settings.regularizer.l2_regularizer.weight == pytest.approx(1e-5)
    initializer = settings.initializer.truncated_normal_initializer
    assert initializer.stddev == pytest.approx(0.03)
    levels = ["C4", "C5", "C6", "C7", "C7_last"]
    assert list(neck.ssd_feature_maps.levels) == levels
    assert not neck.ssd_feature_maps.extra_depths


@pytest.mark.parametrize("name", ["ssd_mobiledet_cpu", "ssd_mobilenet_edgetpu"])
def test_explicit_padding_is_refused(name):
    with pytest.raises(ConfigError, match="is not for type") as caught:
        parts(name, "use_explicit_padding: true")
    assert caught.value.field_path == "use_explicit_padding"


def test_pooling_pyramid_over_mobilenet_v1():
    text = "conv_hyperparams { activation: RELU batch_norm { decay: 0.9 } }"
    backbone, neck = parts("ssd_mobilenet_v1_ppn", text)
    assert backbone.WhichOneof("backbone_oneof") == "mobilenet_v1"
    pyramid = neck.pooling_pyramid
    assert (pyramid.level, pyramid.num_layers, pyramid.depth) == ("C4", 6, 0)


def test_embedded_one_ends_with_a_kernel_of_two():
    text = "depth_multiplier: 0.125 conv_hyperparams { batch_norm { decay: 0.9 } }"
    backbone, neck = parts("embedded_ssd_mobilenet_v1", text)
    settings = backbone.mobilenet_v1.conv_hyperparams
    assert settings.batch_norm.decay == pytest.approx(0.9)
    assert settings.HasField("activation")
    assert list(neck.ssd_feature_maps.extra_depths) == [512, 256, 256]
    assert list(neck.ssd_feature_maps.extra_kernels) == [3, 3, 2]
    _, neck = parts("embedded_ssd_mobilenet_v1", "num_layers: 3")
    assert list(neck.ssd_feature_maps.extra_kernels) == [3]


def test_mnasfpn_has_settings_of_its_own():
    text = "conv_hyperparams { batch_norm { decay: 0.5 } } fpn { max_level: 6 "
    backbone, neck = parts(
        "ssd_mobilenet_v2_mnasfpn", text + "additional_layer_depth: 48 }"
    )
    assert backbone.mobilenet_v2.narrow_top
    pyramid = neck.mnas_fpn
    assert (pyramid.depth, pyramid.expansion_multiplier) == (48, 1)
    for part, weight in ((backbone.mobilenet_v2, 4e-5), (pyramid, 1e-4)):
        settings = part.conv_hyperparams
        assert settings.batch_norm.decay == pytest.approx(0.99)
        l2 = settings.regularizer.l2_regularizer
        assert l2.weight == pytest.approx(weight)
    with pytest.raises(ConfigError, match="3 to 6"):
        parts("ssd_mobilenet_v2_mnasfpn", "fpn { max_level: 7 }")
