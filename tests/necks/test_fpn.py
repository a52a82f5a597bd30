"""Feature pyramid: levels, counts, what flows where."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import neck_pb2

RESNET_CHANNELS = {"C2": 256, "C3": 512, "C4": 1024, "C5": 2048}


def _build(text=""):
    return registry.build(text_format.Parse(text, neck_pb2.Fpn()))


def _stages(channels, size):
    return {
        name: tf.random.normal([1, -(-size // stride), -(-size // stride), depth])
        for (name, depth), stride in zip(channels.items(), (4, 8, 16, 32), strict=True)
    }


@pytest.mark.parametrize(
    "size, cells", [(128, [16, 8, 4, 2, 1]), (300, [38, 19, 10, 5, 3])]
)
@pytest.mark.parametrize("explicit", ["false", "true"])
def test_levels_and_sizes_odd_ones_too(size, cells, explicit):
    neck = _build(f"depth: 8 use_explicit_padding: {explicit}")
    maps = neck(_stages({"C2": 2, "C3": 3, "C4": 4, "C5": 5}, size))
    assert list(maps) == ["P3", "P4", "P5", "P6", "P7"]
    assert [m.shape[1] for m in maps.values()] == cells
    assert {m.shape[-1] for m in maps.values()} == {8}


def test_parameter_count_on_resnet_50():
    """Levels 3..7, depth 256, batch norm with four vectors.

    Laterals (512 + 1024 + 2048) * 256 + 3 * 256 = 918,272; smoothing of P3 and P4,
    and P6 and P7: 4 * (9 * 256 * 256 + 4 * 256) = 2,363,392. (Lin et al. smooth the
    top too and start at C2: 3,344,384 on ResNet-50, without batch norm.)
    """
    neck = _build("conv_hyperparams { batch_norm { scale: true } }")
    neck.build({n: (None, None, None, c) for n, c in RESNET_CHANNELS.items()})
    assert neck.count_params() == 918_272 + 2_363_392
    paths = [v.path for v in neck.variables]
    assert len(set(paths)) == len(paths) == 3 * 2 + 4 * 5
    assert "fpn/lateral_P5/bias" in paths and "fpn/coarse_P7/norm/beta" in paths


def test_values_of_a_pyramid_of_ones():
    """All kernels 1 over one channel: laterals pass C through; no activation.

    P5 = C5 = 1 (1x1 map). P4 = 3x3 sum of C4 + up(P5) = 2 on a 2x2 map: every cell
    sees all four, 8. P6 sums P5's one cell: 1.
    """
    neck = _build(
        "min_level: 4 max_level: 6 depth: 1 conv_hyperparams { activation: NONE "
        "initializer { random_normal_initializer { mean: 1 stddev: 0 } } }"
    )
    maps = neck({"C4": tf.ones([1, 2, 2, 1]), "C5": tf.ones([1, 1, 1, 1])})
    assert maps["P5"].numpy().item() == 1 and maps["P6"].numpy().item() == 1
    np.testing.assert_allclose(maps["P4"][0, :, :, 0], [[8, 8], [8, 8]])


@pytest.mark.parametrize(
    ("text", "centre", "corner"), [("", 81, 36), ("unsmoothed_sums: true", 27, 12)]
)
def test_what_goes_down(text, centre, corner):
    """As above: P4 is 8, its sum 2; so the sums of P3's cells are 1 + 8, or 1 + 2."""
    neck = _build(
        "min_level: 3 max_level: 5 depth: 1 conv_hyperparams { activation: NONE "
        f"initializer {{ random_normal_initializer {{ mean: 1 stddev: 0 }} }} }} {text}"
    )
    sizes = {"C3": 4, "C4": 2, "C5": 1}
    maps = neck({name: tf.ones([1, n, n, 1]) for name, n in sizes.items()})
    np.testing.assert_allclose(maps["P4"], np.full([1, 2, 2, 1], 8))
    assert maps["P3"][0, 1, 1, 0] == centre and maps["P3"][0, 0, 0, 0] == corner


def test_laterals_are_handed_out_to_those_who_ask():
    """Of ones: M4 is C4, not yet the sum; the top has nothing above it: M5 is P5."""
    neck = _build(
        "min_level: 4 max_level: 6 depth: 1 conv_hyperparams { activation: NONE "
        "initializer { random_normal_initializer { mean: 1 stddev: 0 } } }"
    )
    features = {"C4": tf.ones([1, 2, 2, 1]), "C5": tf.ones([1, 1, 1, 1])}
    maps = neck(features, auxiliary=True)
    assert list(maps) == ["P4", "P5", "P6", "M4", "M5"]
    assert neck.auxiliary.strides == {"M4": 16, "M5": 32}
    np.testing.assert_array_equal(maps["M4"], features["C4"])
    np.testing.assert_array_equal(maps["M5"], maps["P5"])
    assert list(neck(features)) == ["P4", "P5", "P6"]


def test_depthwise_has_fewer_weights():
    """A smoothing: 9 * 8 + 8 * 8 weights and 8 biases instead of 9 * 8 * 8 and 8."""
    neck = _build("min_level: 4 max_level: 5 depth: 8 use_depthwise: true")
    neck({"C4": tf.zeros([1, 4, 4, 3]), "C5": tf.zeros([1, 2, 2, 5])})
    assert neck.count_params() == (3 * 8 + 8) + (5 * 8 + 8) + (72 + 64 + 8)


def test_max_level_below_the_coarsest_stage():
    maps = _build("min_level: 2 max_level: 4 depth: 4")(_stages(RESNET_CHANNELS, 64))
    assert list(maps) == ["P2", "P3", "P4"]


def test_unknown_sizes_and_gradients_reach_every_variable():
    neck = _build("depth: 8 conv_hyperparams { batch_norm { scale: true } }")
    channels = {"C3": 2, "C4": 3, "C5": 4}
    spec = {n: tf.TensorSpec([None, None, None, c]) for n, c in channels.items()}
    traced = tf.function(lambda maps: neck(maps)).get_concrete_function(spec)
    stages = _stages({"C2": 1, **channels}, 97)
    del stages["C2"]
    outputs = traced(stages)
    assert outputs["P3"].shape == (1, 13, 13, 8) and outputs["P7"].shape == (1, 1, 1, 8)
    with tf.GradientTape() as tape:
        maps = neck(stages, training=True)
        loss = tf.add_n([tf.reduce_sum(m**2) for m in maps.values()])
    gradients = tape.gradient(loss, [v.value for v in neck.trainable_variables])
    assert all(g is not None and np.all(np.isfinite(g)) for g in gradients)


def test_neck_exports_in_a_module(tmp_path):
    """The export must find the variables of layers in dicts and in chains."""
    stages = _stages(RESNET_CHANNELS, 64)
    module = tf.Module()
    module.neck = _build("depth: 4 conv_hyperparams { batch_norm { scale: true } }")
    expected = module.neck(stages)["P6"]
    specs = {n: tf.TensorSpec(m.shape) for n, m in stages.items()}
    module.serve = tf.function(
        lambda maps: module.neck(maps)["P6"], input_signature=[specs]
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(loaded.serve(stages), expected, rtol=1e-5)


def test_wrong_levels_and_missing_stage():
    with pytest.raises(ConfigError, match="min_level is 6 and max_level 7"):
        _build("min_level: 6")
    with pytest.raises(ValueError, match="no C3, but C4"):
        _build()({"C4": tf.zeros([1, 2, 2, 1])})


def test_frozen_batch_norm_is_not_trained():
    hyperparams = "conv_hyperparams { batch_norm {} }"
    text = "min_level: 3 max_level: 6 depth: 8 " + hyperparams
    shapes = {f"C{n}": (None, None, None, 4) for n in (3, 4, 5)}
    trained, frozen = _build(text), _build(text + " freeze_batch_norm: true")
    trained.build(shapes)
    frozen.build(shapes)
    names = {v.path for v in trained.trainable_weights}
    kept = names - {v.path for v in frozen.trainable_weights}
    assert kept and all(n.endswith(("gamma", "beta")) for n in kept)
