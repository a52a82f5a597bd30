"""The head of FCOS: what is shared, scales, columns."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import box_predictor_pb2

GROUP = "group_norm {}"
BATCH = "batch_norm { scale: true decay: 0.9 }"
COLUMNS = [
    types.SimpleNamespace(name="centerness", width=1),
    types.SimpleNamespace(name="other", width=3),
]


def _build(settings=GROUP, fields="", levels=3, columns=(), background=False):
    text = (
        "fcos_box_predictor { depth: 8 num_layers_before_predictor: 2 "
        f"conv_hyperparams {{ {settings} }} {fields} }}"
    )
    return registry.build(
        text_format.Parse(text, box_predictor_pb2.BoxPredictor()),
        required=("columns",),
        num_classes=3,
        anchors_per_location=[1] * levels,
        add_background_class=background,
        columns=columns,
    )


def _features(depths=(6, 6, 6)):
    return {
        f"P{i + 3}": tf.random.stateless_normal([2, size, size, depth], [i, 5])
        for i, (size, depth) in enumerate(zip((4, 2, 1), depths, strict=True))
    }


@pytest.mark.parametrize("background, logits", [(False, 3), (True, 4)])
def test_shapes_and_parameter_count(background, logits):
    """Two towers of 3x3x6x8 and 3x3x8x8 and, shared, two group norms of 2 x 8 each;
    predictions of 3x3x8 + 1 for each number; a scale for each of three levels."""
    head = _build(columns=COLUMNS, background=background)
    out = head(_features())
    assert {n: x.shape for n, x in out.items()} == {
        "class_logits": (2, 21, logits),
        "box_codes": (2, 21, 4),
        "centerness": (2, 21, 1),
        "other": (2, 21, 3),
    }
    assert {x.dtype for x in out.values()} == {tf.float32}
    towers = 2 * (432 + 576 + 2 * 16)
    assert head.count_params() == towers + 73 * (logits + 4 + 1 + 3) + 3


def test_batch_norms_are_each_level_s_own():
    """Two towers of two on three levels, four vectors of 8 each."""
    head = _build(BATCH)
    head(_features())
    assert head.count_params() == 2 * (432 + 576) + 12 * 32 + 73 * 7 + 3


@pytest.mark.parametrize("settings, norms", [(GROUP, 8), (BATCH, 48)])
def test_paths_are_unique(settings, norms):
    head = _build(settings, columns=COLUMNS)
    head(_features())
    paths = [v.path for v in head.variables]
    assert len(set(paths)) == len(paths) == 4 + norms + 2 * 4 + 1
    name = "fcos_box_predictor"
    assert f"{name}/box_tower_conv0/kernel" in paths
    assert f"{name}/box_scales" in paths
    assert f"{name}/centerness/kernel" in paths


def test_each_level_s_boxes_have_a_scale():
    """The same map on two levels gives the same rows until a scale is moved; then the
    codes alone differ, by that factor."""
    head = _build(levels=2, columns=COLUMNS)
    x = tf.random.stateless_normal([2, 4, 4, 6], [1, 2])
    before = head({"P3": x, "P4": x})
    for rows in before.values():
        np.testing.assert_allclose(rows[:, :16], rows[:, 16:], atol=1e-6)
    scales = next(v for v in head.variables if v.name == "box_scales")
    scales.assign([1.0, 2.5])
    after = head({"P3": x, "P4": x})
    codes = after["box_codes"]
    np.testing.assert_allclose(2.5 * codes[:, :16], codes[:, 16:], rtol=1e-5)
    for name in ("class_logits", "centerness"):
        np.testing.assert_array_equal(after[name], before[name])


@pytest.mark.parametrize("field, tower", [("false", "class"), ("true", "box")])
def test_tower_of_the_columns(field, tower):
    """Its gradient reaches one of the two towers."""
    head = _build(fields=f"columns_from_box_tower: {field}", columns=COLUMNS)
    features = _features()
    head(features)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(head(features)["centerness"] ** 2)
    towers = [v for v in head.trainable_variables if "tower" in v.path]
    gradients = tape.gradient(total, [v.value for v in towers])
    reached = [v.path for v, g in zip(towers, gradients, strict=True) if g is not None]
    assert reached and all(f"{tower}_tower" in path for path in reached)


def test_scores_start_low():
    """Bias -log(99) is a score of .01; box codes and columns have none."""
    zeros = GROUP + " initializer { random_normal_initializer { stddev: 0 } }"
    out = _build(zeros, columns=COLUMNS)(_features())
    np.testing.assert_allclose(tf.sigmoid(out["class_logits"]), 0.01, rtol=1e-4)
    np.testing.assert_array_equal(out["box_codes"], 0)
    np.testing.assert_array_equal(out["centerness"], 0)


def test_half_precision_policy_gives_float32_and_finite_gradients():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        head = _build(columns=COLUMNS)
        features = {n: tf.cast(m, tf.bfloat16) for n, m in _features().items()}
        with tf.GradientTape() as tape:
            out = head(features, training=True)
            loss = sum(tf.reduce_mean(x**2) for x in out.values())
    finally:
        keras.config.set_dtype_policy("float32")
    assert {x.dtype for x in out.values()} == {tf.float32}
    gradients = tape.gradient(loss, [v.value for v in head.trainable_variables])
    assert all(g is not None and np.all(np.isfinite(g)) for g in gradients)


def test_unknown_sizes_and_graph_equals_eager():
    head = _build(columns=COLUMNS)
    features = _features()
    expected = head(features)
    specs = {n: tf.TensorSpec([None, None, None, 6]) for n in features}
    traced = tf.function(lambda x: head(x)).get_concrete_function(specs)
    for name, value in traced(features).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_refused():
    with pytest.raises(ConfigError, match="kernel_size: is 0"):
        _build(fields="kernel_size: 0")
    with pytest.raises(ValueError, match=r"gives 3 levels.* has 2"):
        _build(levels=2)(_features())
    with pytest.raises(ValueError, match=r"same depth on each.*'P3': 5"):
        _build()(_features((5, 6, 6)))
