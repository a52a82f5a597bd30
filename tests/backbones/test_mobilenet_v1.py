"""MobileNet v1: maps, counts, weights, settings."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.backbones import mobilenet_v1
from od_api.core import registry
from od_api.core.errors import ConfigError, UserError
from od_api.protos import backbone_pb2

FILE_75 = "weights_imagenet/mobilenet_7_5_224_tf_no_top.h5"
FILE_100 = "weights_imagenet/mobilenet_v1_1.0_224_dequant_qat_no_top.h5"


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.MobilenetV1()))


@pytest.fixture(scope="module")
def narrow():
    return _build("depth_multiplier: 0.25")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "size, cells", [(300, [75, 38, 19, 10]), (224, [56, 28, 14, 7]), (33, [9, 5, 3, 2])]
)
def test_maps_halve_upwards(narrow, size, cells):
    maps = narrow(tf.zeros([2, size, size, 3]))
    assert list(maps) == list(narrow.strides) == list(narrow.channels)
    assert [m.shape.as_list() for m in maps.values()] == [
        [2, c, c, narrow.channels[n]] for n, c in zip(maps, cells, strict=True)
    ]
    assert narrow.channels == {"C2": 32, "C3": 64, "C4": 128, "C5": 256}
    assert narrow.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


def test_unknown_sizes_and_static_ones_in_a_graph(narrow):
    def traced(spec):
        return tf.function(lambda x: narrow(x)).get_concrete_function(spec)

    free = traced(tf.TensorSpec([None, None, None, 3]))
    assert free(tf.zeros([1, 97, 65, 3]))["C5"].shape == (1, 4, 3, 256)
    static = traced(tf.TensorSpec([None, 300, 300, 3]))
    assert static.structured_outputs["C4"].shape.as_list() == [None, 19, 19, 128]


def test_paths_are_unique_and_carry_the_name(narrow):
    paths = [v.path for v in narrow.variables]
    assert len(set(paths)) == len(paths) == 135
    assert all(p.startswith("mobilenet_v1/") for p in paths)


def test_parameter_counts():
    """The study counts 3,191,072: kernels, and one offset a channel of the stem and
    of the 13 pointwise convolutions. Keras has four batch-norm vectors for each of
    these, and for the 13 depthwise convolutions too:

    channels of stem and pointwise 5,984, of depthwise 4,960;
    3,185,088 + 4 * (5,984 + 4,960) = 3,228,864, of which 2 * 10,944 not trained.
    """
    network = _build().network
    convs = [x for x in network.layers if "kernel" in [v.name for v in x.weights]]
    kernels = sum(int(np.prod(v.shape)) for x in convs for v in x.weights)
    channels = sum(x.weights[0].shape[-1] for x in convs if "dw" not in x.name)
    assert (kernels, channels) == (3_185_088, 5_984)
    assert kernels + channels == 3_191_072
    assert network.count_params() == 3_228_864
    trainable = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert trainable == 3_206_976


@pytest.mark.parametrize(
    "multiplier, least, stem, last",
    [(0.75, 8, 24, 768), (0.5, 8, 16, 512), (1.4, 8, 44, 1433), (0.05, 16, 16, 51)],
)
def test_depths_are_rounded_down_and_at_least_min_depth(multiplier, least, stem, last):
    network = _build(f"depth_multiplier: {multiplier} min_depth: {least}").network
    assert network.get_layer("conv1").filters == stem
    assert network.get_layer("conv_pw_13").filters == last


def test_depth_multiplier_counts_once():
    """A quarter of 32 and of 1024; the old Keras model made 1/16 of them: 2 and 64."""
    network = _build("depth_multiplier: 0.25 min_depth: 1").network
    assert network.get_layer("conv1").filters == 8
    assert network.get_layer("conv_pw_13").filters == 256
    old = _build("depth_multiplier: 0.0625 min_depth: 1").network
    assert old.get_layer("conv1").filters == 2
    assert old.get_layer("conv_pw_13").filters == 64


def test_old_depth_multiplier_counts_twice():
    """int(int(64 / 4) / 4); last_depths, which Keras did not know, once."""
    text = "depth_multiplier: 0.25 min_depth: 1 old_depth_multiplier: true"
    network = _build(text).network
    depths = [network.get_layer(f"conv_pw_{n}").filters for n in (1, 12, 13)]
    assert network.get_layer("conv1").filters == 2 and depths == [4, 64, 64]
    network = _build(f"{text} last_depths: [512, 256]").network
    depths = [network.get_layer(f"conv_pw_{n}").filters for n in (11, 12, 13)]
    assert depths == [32, 128, 64]


def test_normalize_maps_pixels_to_minus_one_to_one(narrow):
    pixels = tf.constant([[[[0, 127.5, 255]]]])
    np.testing.assert_allclose(narrow.normalize(pixels), [[[[-1, 0, 1]]]], atol=1e-6)
    assert narrow.normalize(tf.zeros([1, 2, 2, 3], tf.uint8)).dtype == tf.float32


def test_imagenet_file_gives_keras_function_at_even_sizes(data_dir, image):
    """At 224 every map halves evenly, so "same" and Keras' padding are the same."""
    path = data_dir / FILE_75
    ours = _build(f'depth_multiplier: 0.75 weights: "{path}"')
    theirs = keras.applications.MobileNet(
        input_shape=(224, 224, 3), alpha=0.75, include_top=False, weights=path
    )
    expected = theirs(image / 127.5 - 1.0)
    np.testing.assert_allclose(
        ours(ours.normalize(image))["C5"], expected, rtol=1e-3, atol=1e-3
    )
    assert float(tf.reduce_max(expected)) > 1.0


def test_imagenet_comes_from_keras_home(data_dir, tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "mobilenet_7_5_224_tf_no_top.h5").symlink_to(data_dir / FILE_75)
    monkeypatch.setattr(
        "keras.src.utils.file_utils.config.keras_home", lambda: tmp_path
    )
    backbone = _build('depth_multiplier: 0.75 weights: "imagenet"')
    backbone.load_weights(data_dir / FILE_75)
    before = _build(f'depth_multiplier: 0.75 weights: "{data_dir / FILE_75}"')
    for a, b in zip(backbone.weights, before.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_that_do_not_fit_say_why(data_dir, tmp_path, narrow):
    with pytest.raises(ConfigError, match=r"weights: .*no such file"):
        _build('depth_multiplier: 0.25 weights: "nowhere.h5"')
    with pytest.raises(ConfigError, match=r"weights: .*conv1 has shapes.*depth_multi"):
        _build(f'depth_multiplier: 0.25 weights: "{data_dir / FILE_100}"')
    with pytest.raises(ConfigError, match=r"weights: .*no ImageNet weights"):
        _build('depth_multiplier: 0.3 weights: "imagenet"')
    v2 = data_dir / "weights_imagenet/mobilenet_v2_1.0_224_dequant_qat_no_top.h5"
    with pytest.raises(UserError, match=r"no weights for conv1, conv1_bn.*another"):
        narrow.load_weights(v2)
    broken = tmp_path / "broken.h5"
    broken.write_bytes(b"not HDF5")
    with pytest.raises(UserError, match="not an HDF5 file of Keras weights"):
        narrow.load_weights(broken)


def test_keras_3_file_of_the_same_network(narrow, tmp_path):
    path = tmp_path / "narrow.weights.h5"
    narrow.network.save_weights(path)
    other = _build("depth_multiplier: 0.25")
    other.load_weights(path)
    x = tf.random.normal([1, 64, 64, 3])
    np.testing.assert_allclose(other(x)["C5"], narrow(x)["C5"])


def test_narrow_last_blocks_keep_random_weights_there(data_dir):
    path = data_dir / FILE_100
    backbone = _build(f'weights: "{path}" last_depths: 512 last_depths: 256')
    full = _build(f'weights: "{path}"')
    assert backbone.channels["C5"] == 256 and backbone.channels["C4"] == 512
    x = tf.random.normal([1, 64, 64, 3])
    np.testing.assert_allclose(backbone(x)["C4"], full(x)["C4"], atol=1e-5)


def test_settings_replace_only_what_is_set():
    backbone = _build(
        "depth_multiplier: 0.25 conv_hyperparams { batch_norm { decay: 0.9 } "
        "regularizer { l2_regularizer { weight: 0.1 } } }"
    )
    norm = backbone.network.get_layer("conv_dw_2_bn")
    assert norm.momentum == pytest.approx(0.9) and norm.scale
    assert norm.epsilon == pytest.approx(1e-3)
    assert backbone.network.get_layer("conv1_relu").max_value == 6.0
    assert len(backbone.losses) == 27  # 14 full and 13 depthwise convolutions
    kernel = backbone.network.get_layer("conv_dw_1").weights[0]
    l2 = backbone.network.get_layer("conv_dw_1").depthwise_regularizer
    assert float(l2(kernel)) == pytest.approx(0.05 * float(np.sum(np.square(kernel))))


def test_explicit_activation_and_initializer_replace_the_networks():
    backbone = _build(
        "depth_multiplier: 0.25 conv_hyperparams { activation: RELU "
        "initializer { random_normal_initializer { mean: 7 stddev: 0 } } }"
    )
    layer = backbone.network.get_layer("conv1_relu")
    assert layer.get_config()["activation"] == "relu"
    for name in ("conv1", "conv_dw_5", "conv_pw_13"):
        np.testing.assert_allclose(backbone.network.get_layer(name).weights[0], 7.0)


def test_frozen_batch_norm_trains_kernels_only(narrow):
    frozen = _build("depth_multiplier: 0.25 freeze_batch_norm: true")
    assert all("kernel" in v.path for v in frozen.trainable_variables)
    assert len(frozen.trainable_variables) == 27
    x = tf.random.normal([2, 64, 64, 3])
    np.testing.assert_allclose(frozen(x, training=True)["C3"], frozen(x)["C3"])
    assert not np.allclose(narrow(x, training=True)["C3"], narrow(x)["C3"])


@pytest.mark.parametrize("size", [224, 300])
def test_two_stages_are_the_whole_network(narrow, tmp_path, size):
    """The same weights in one piece and in two give the same C5."""
    path = tmp_path / "narrow.weights.h5"
    narrow.network.save_weights(path)
    cut = _build(f'depth_multiplier: 0.25 second_stage: true weights: "{path}"')
    x = tf.random.normal([1, size, size, 3])
    maps, expected = cut(x), narrow(x)
    assert list(maps) == list(cut.strides) == list(cut.channels) == ["C2", "C3", "C4"]
    np.testing.assert_allclose(maps["C4"], expected["C4"], atol=1e-5)
    np.testing.assert_allclose(
        cut.second_stage(maps["C4"]), expected["C5"], atol=1e-5, rtol=1e-5
    )
    assert [v.path for v in cut.variables] == [v.path for v in narrow.variables]
    assert narrow.second_stage is None


def test_second_stage_halves_crops_and_follows_training():
    cut = _build("depth_multiplier: 0.25 second_stage: true")
    crops = tf.random.normal([4, 14, 14, 128])
    assert cut.second_stage(crops).shape == (4, 7, 7, 256)
    trained = cut.second_stage(crops, training=True)
    assert not np.allclose(trained, cut.second_stage(crops))
    frozen = _build("depth_multiplier: 0.25 second_stage: true freeze_batch_norm: true")
    np.testing.assert_allclose(
        frozen.second_stage(crops, training=True), frozen.second_stage(crops)
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ("depth_multiplier: 0", "depth_multiplier"),
        ("last_depths: 5", "last_depths"),
        ("conv_hyperparams { group_norm {} }", "group_norm"),
    ],
)
def test_refused_settings(text, message):
    with pytest.raises(ConfigError, match=message):
        _build(text)


def test_output_stride_16_agrees_with_32_where_both_have_a_cell():
    """Every second cell of the dense map, far from the border, is the plain map's."""
    plain = mobilenet_v1.MobilenetV1(depth_multiplier=0.25)
    dense = mobilenet_v1.MobilenetV1(depth_multiplier=0.25, output_stride=16)
    for mine, theirs in zip(dense.weights, plain.weights, strict=True):
        mine.assign(theirs)
    image = tf.random.stateless_uniform([1, 192, 192, 3], (5, 6), -1, 1)
    coarse, fine = plain(image)["C5"], dense(image)["C5"]
    assert (coarse.shape[1], fine.shape[1]) == (6, 12)
    assert dense.strides["C5"] == 16
    # "same" padding of an even map starts the stride at the second cell.
    np.testing.assert_allclose(fine[:, 1::2, 1::2], coarse, atol=1e-4)


def test_explicit_padding_sees_a_zero_before_the_first_pixel():
    """The first convolution, all ones, of a 4x4 image of ones: sums of its windows.

    "Same" pads the last side alone, and its windows begin at pixels 0 and 2; with one
    zero on every side they begin at -1 and 1. An odd map is padded so anyway.
    """
    sums = {
        "": [[27, 18], [18, 12]],
        "use_explicit_padding: true": [[12, 18], [18, 27]],
    }
    for text, want in sums.items():
        network = _build(f"depth_multiplier: 0.25 {text}").network
        first = keras.Model(network.inputs, network.get_layer("conv1").output)
        (kernel,) = network.get_layer("conv1").weights
        kernel.assign(tf.ones(kernel.shape))
        np.testing.assert_allclose(first(tf.ones([1, 4, 4, 3]))[0, :, :, 0], want)
        assert first(tf.ones([1, 5, 5, 3])).shape[1:3] == (3, 3)
