"""RetinaNet's head: what is shared, counts, options."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import box_predictor_pb2

NORM = "batch_norm { scale: true decay: 0.9 }"


def _build(fields="", anchors=(2, 2, 2), classes=3, background=False):
    text = f"weight_shared_convolutional_box_predictor {{ {fields} }}"
    return registry.build(
        text_format.Parse(text, box_predictor_pb2.BoxPredictor()),
        num_classes=classes,
        anchors_per_location=list(anchors),
        add_background_class=background,
    )


def _tower(fields="", settings=NORM):
    return (
        f"depth: 8 num_layers_before_predictor: 2 conv_hyperparams {{ {settings} }} "
        + (fields)
    )


def _features(depths=(8, 8, 8), batch=2):
    sizes = (4, 2, 1)
    return {
        f"P{i + 3}": tf.random.normal([batch, size, size, depth])
        for i, (size, depth) in enumerate(zip(sizes, depths, strict=True))
    }


@pytest.mark.parametrize("background, logits", [(False, 3), (True, 4)])
def test_shapes_and_parameter_count(background, logits):
    """Two towers of two convolutions 3x3x8x8, shared; 4 vectors of 8 for each of 2 * 2
    * 3 batch norms; predictions 3x3x8 + 1 for 2 anchors."""
    head = _build(_tower(), background=background)
    out = head(_features())
    assert out["class_logits"].shape == (2, 42, logits)
    assert out["box_codes"].shape == (2, 42, 4)
    convs, norms, outputs = 4 * 576, 12 * 32, 73 * 2 * (logits + 4)
    assert head.count_params() == convs + norms + outputs


def test_paths_are_unique():
    head = _build(_tower())
    head(_features())
    paths = [v.path for v in head.variables]
    assert len(set(paths)) == len(paths) == 4 + 12 * 4 + 4
    name = "weight_shared_convolutional_box_predictor"
    assert f"{name}/box_tower_conv0/kernel" in paths
    assert f"{name}/class_tower_P5/norm1/gamma" in paths


def test_same_map_on_two_levels_gives_the_same_rows_until_training():
    """Convolutions are shared; statistics are not, so training moves them apart."""
    head = _build(_tower(), anchors=(2, 2))
    x = tf.random.normal([2, 4, 4, 8])
    rows = head({"P3": x, "P4": x})["class_logits"]
    np.testing.assert_allclose(rows[:, :32], rows[:, 32:], atol=1e-6)
    head({"P3": x, "P4": 5 * x}, training=True)
    rows = head({"P3": x, "P4": x})["class_logits"]
    assert not np.allclose(rows[:, :32], rows[:, 32:], atol=1e-4)


def test_one_regularisation_term_for_each_shared_kernel():
    head = _build(_tower(settings="regularizer { l2_regularizer { weight: 2 } }"))
    head(_features())
    kernels = [v for v in head.trainable_variables if v.path.endswith("kernel")]
    assert len(head.losses) == len(kernels) == 6
    expected = sum(float(np.sum(np.square(k))) for k in kernels)
    assert float(tf.add_n(head.losses)) == pytest.approx(expected, rel=1e-5)


def test_shared_tower_halves_the_towers():
    head = _build(_tower("share_prediction_tower: true"))
    head(_features())
    assert head.count_params() == 2 * 576 + 6 * 32 + 73 * 2 * 7


def test_levels_of_other_depth_are_projected_to_the_most_frequent():
    """P3 has 5 channels, the others 8: each level gets a 1x1 convolution to 8."""
    head = _build(_tower())
    assert head(_features((5, 8, 8)))["box_codes"].shape == (2, 42, 4)
    shapes = {v.path.split("/", 1)[1]: v.shape for v in head.variables}
    assert shapes["projection_P3/conv/kernel"] == (1, 1, 5, 8)
    assert shapes["projection_P5/norm/gamma"] == (8,)


def test_depthwise_and_where_the_settings_apply():
    """Regularised kernels: the towers' depthwise ones (2 towers of 2), with pointwise
    ones on request, and with both of the two predictions on request."""
    settings = "regularizer { l2_regularizer { weight: 1 } }"
    counts = []
    for fields in (
        "",
        "apply_conv_hyperparams_pointwise: true",
        "apply_conv_hyperparams_to_heads: true",
    ):
        head = _build(_tower("use_depthwise: true " + fields, settings))
        head(_features())
        counts.append(len(head.losses))
    assert counts == [4, 8, 8]
    assert head.count_params() == 4 * (72 + 64 + 8) + 2 * 72 + 9 * 2 * 7


def test_sigmoid_only_while_not_training():
    fields = "depth: 4 num_layers_before_predictor: 1 class_prediction_bias_init: 1 "
    head = _build(fields + "score_converter: SIGMOID")
    features = _features()
    logits = head(features, training=True)["class_logits"]
    scores = head(features)["class_logits"]
    np.testing.assert_allclose(scores, tf.sigmoid(logits), rtol=1e-5)


def test_bias_clip_and_dropout():
    zeros = "initializer { random_normal_initializer { stddev: 0 } }"
    head = _build(
        f"conv_hyperparams {{ {zeros} }} class_prediction_bias_init: -4.6 "
        "box_encodings_clip_range { min: 0.5 max: 1 } use_dropout: true"
    )
    out = head(_features(), training=True)
    np.testing.assert_allclose(out["class_logits"], -4.6, rtol=1e-6)
    np.testing.assert_allclose(out["box_codes"], 0.5)


def test_half_precision_policy_gives_float32_and_finite_gradients():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        head = _build(_tower())
        features = {n: tf.cast(m, tf.bfloat16) for n, m in _features().items()}
        with tf.GradientTape() as tape:
            out = head(features, training=True)
            loss = sum(tf.reduce_mean(x**2) for x in out.values())
    finally:
        keras.config.set_dtype_policy("float32")
    assert {x.dtype for x in out.values()} == {tf.float32}
    gradients = tape.gradient(loss, [v.value for v in head.trainable_variables])
    assert all(np.all(np.isfinite(g)) for g in gradients)


def test_unknown_sizes_and_graph_equals_eager():
    head = _build(_tower())
    features = _features()
    expected = head(features)
    specs = {n: tf.TensorSpec([None, None, None, 8]) for n in features}
    traced = tf.function(lambda x: head(x)).get_concrete_function(specs)
    for name, value in traced(features).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_refused():
    with pytest.raises(ConfigError, match=r"same number of anchors.*\[3, 6\]"):
        _build(anchors=(3, 6))
    with pytest.raises(ConfigError, match="depth must be above 0"):
        _build("num_layers_before_predictor: 4")
    with pytest.raises(ConfigError, match="kernel_size above 1"):
        _build("use_depthwise: true kernel_size: 1")
    with pytest.raises(ValueError, match=r"gives 3 levels.* has 2"):
        _build(anchors=(2, 2))(_features())
