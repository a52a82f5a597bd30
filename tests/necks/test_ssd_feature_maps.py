"""SSD's appended maps."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import neck_pb2

MOBILENET = """
  levels: ["C4", "C5"] extra_depths: [512, 256, 256, 128]
  conv_hyperparams { activation: RELU_6 batch_norm { scale: true } }
"""


def _build(text):
    return registry.build(text_format.Parse(text, neck_pb2.SsdFeatureMaps()))


def _stages(c4, c5, batch=1):
    return {
        "C3": tf.zeros([batch, 2 * c4, 2 * c4, 256]),
        "C4": tf.random.normal([batch, c4, c4, 512]),
        "C5": tf.random.normal([batch, c5, c5, 1024]),
    }


@pytest.mark.parametrize(
    "c4, cells", [(19, [19, 10, 5, 3, 2, 1]), (38, [38, 19, 10, 5, 3, 2])]
)
@pytest.mark.parametrize("use_explicit_padding", ["false", "true"])
def test_maps_of_the_study(c4, cells, use_explicit_padding):
    """MobileNet at 300 and 600 px: sizes of the study, section 5.3."""
    neck = _build(MOBILENET + f"use_explicit_padding: {use_explicit_padding}")
    maps = neck(_stages(c4, cells[1]))
    assert list(maps) == ["C4", "C5", "E1", "E2", "E3", "E4"]
    assert [m.shape[1] for m in maps.values()] == cells
    assert [m.shape[-1] for m in maps.values()] == [512, 1024, 512, 256, 256, 128]


def test_parameter_count_and_paths():
    """1x1 to half the depth d, then 3x3, with four batch-norm vectors each:

    1024*256 + 9*256*512 + 4*768 = 262,144 + 1,179,648 + 3,072 = 1,444,864
     512*128 + 9*128*256 + 4*384 =  65,536 +   294,912 + 1,536 =   361,984
     256*128 + 9*128*256 + 4*384 =  32,768 +   294,912 + 1,536 =   329,216
     256* 64 + 9* 64*128 + 4*192 =  16,384 +    73,728 +   768 =    90,880
    """
    neck = _build(MOBILENET)
    neck(_stages(19, 10))
    assert neck.count_params() == 1_444_864 + 361_984 + 329_216 + 90_880
    paths = [v.path for v in neck.variables]
    assert len(set(paths)) == len(paths) == 8 * 5
    assert "ssd_feature_maps/E1/reduce/conv/kernel" in paths
    assert "ssd_feature_maps/E4/halve/norm/gamma" in paths


def test_depthwise_variant():
    """E1 of C5: 1024*256 + 9*256 + 256*512 and 4 * (256 + 256 + 512) numbers."""
    neck = _build(
        'levels: "C5" extra_depths: 512 use_depthwise: true '
        "conv_hyperparams { batch_norm { scale: true } }"
    )
    maps = neck(_stages(19, 10))
    assert maps["E1"].shape == (1, 5, 5, 512)
    assert neck.count_params() == 262_144 + 2_304 + 131_072 + 4 * 1024


def test_depths_are_multiplied_and_at_least_min_depth():
    neck = _build(
        'levels: "C5" extra_depths: [512, 40] depth_multiplier: 0.75 min_depth: 32'
    )
    maps = neck(_stages(19, 10))
    assert maps["E1"].shape[-1] == 384 and maps["E2"].shape[-1] == 32
    kernels = {v.path: v.shape for v in neck.variables}
    assert kernels["ssd_feature_maps/E1/reduce/conv/kernel"] == (1, 1, 1024, 192)
    assert kernels["ssd_feature_maps/E2/reduce/conv/kernel"] == (1, 1, 384, 32)


def test_training_uses_batch_statistics():
    neck = _build(MOBILENET)
    stages = _stages(19, 10, batch=2)
    before, training = neck(stages)["E1"], neck(stages, training=True)["E1"]
    assert float(tf.reduce_max(tf.abs(before - training))) > 0.1
    assert float(tf.reduce_max(tf.abs(neck(stages)["E1"] - before))) > 0


def test_unknown_sizes():
    neck = _build(MOBILENET)
    spec = {
        "C4": tf.TensorSpec([None, None, None, 8]),
        "C5": tf.TensorSpec([1, 7, 5, 4]),
    }
    traced = tf.function(lambda maps: neck(maps)).get_concrete_function(spec)
    assert traced.structured_outputs["C4"].shape.as_list() == [None, None, None, 8]
    assert traced.structured_outputs["E1"].shape.as_list() == [1, 4, 3, 512]


def test_l2_normalisation_is_for_the_head_only():
    """VGG's conv4_3 comes out with vectors of length 20; what is appended does not
    change, even after a level that is normalised itself."""
    text = 'levels: ["C4", "C5"] extra_depths: 32 '
    plain = _build(text)
    normed = _build(text + 'l2_normalized_levels: ["C4", "C5"]')
    stages = _stages(8, 4)
    plain(stages)
    normed(stages)
    names = {v.path: v for v in normed.variables}
    for v in plain.variables:
        names.pop(v.path).assign(v)
    assert {path: tuple(v.shape) for path, v in names.items()} == {
        "ssd_feature_maps/C4_l2_normalization/scale": (512,),
        "ssd_feature_maps/C5_l2_normalization/scale": (1024,),
    }
    maps, expected = normed(stages), plain(stages)
    assert list(maps) == list(expected) == ["C4", "C5", "E1"]
    np.testing.assert_allclose(
        tf.norm(maps["C4"], axis=-1), tf.fill([1, 8, 8], 20.0), rtol=1e-5
    )
    np.testing.assert_allclose(maps["E1"], expected["E1"])
    quieter = _build(text + 'l2_normalized_levels: "C5" l2_scale: 3')(stages)
    np.testing.assert_array_equal(quieter["C4"], stages["C4"])
    np.testing.assert_allclose(
        tf.norm(quieter["C5"], axis=-1), tf.fill([1, 4, 4], 3.0), rtol=1e-5
    )


def test_missing_stage_and_empty_levels():
    with pytest.raises(ValueError, match="no C9, but C3, C4, C5"):
        _build('levels: "C9"')(_stages(4, 2))
    with pytest.raises(ConfigError, match="levels is empty"):
        _build("extra_depths: 5")
    with pytest.raises(ConfigError, match="l2_normalized_levels: C3 is not among"):
        _build('levels: "C4" l2_normalized_levels: "C3"')


@pytest.mark.parametrize("depthwise", ["false", "true"])
def test_a_kernel_for_each_appended_map(depthwise):
    """8 cells: 4, 2 and 1; the last kernel is 2x2, as large as its map."""
    neck = _build(
        'levels: ["C4", "C5"] extra_depths: [8, 8, 8] extra_kernels: [3, 3, 2] '
        f"min_depth: 4 use_depthwise: {depthwise}"
    )
    maps = neck(_stages(16, 8))
    assert [m.shape[1] for m in maps.values()] == [16, 8, 4, 2, 1]
    kernels = [v.shape[:2] for v in neck.variables if v.path.endswith("kernel")]
    assert kernels.count((2, 2)) == 1 and kernels.count((3, 3)) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extra_kernels: 3", "one for each"),
        ("extra_kernels: [3, 0]", "extra_kernels"),
        ("extra_kernels: [3, 2] use_explicit_padding: true", "odd"),
    ],
)
def test_mistakes_of_kernels(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        _build(f'levels: "C5" extra_depths: [8, 8] {text}')
