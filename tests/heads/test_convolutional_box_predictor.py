"""SSD's head: shapes, order, counts, options."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import box_predictor_pb2

INIT = "initializer { truncated_normal_initializer { stddev: 0.03 } }"


def _build(text="", anchors=(3, 6), classes=2, background=True):
    message = text_format.Parse(text, box_predictor_pb2.BoxPredictor())
    if not text:
        message.convolutional_box_predictor.SetInParent()
    return registry.build(
        message,
        num_classes=classes,
        anchors_per_location=list(anchors),
        add_background_class=background,
    )


def _text(fields):
    return f"convolutional_box_predictor {{ {fields} }}"


def _features(batch=2, fine=4, coarse=2):
    return {
        "C4": tf.random.normal([batch, fine, fine, 8]),
        "C5": tf.random.normal([batch, coarse, coarse, 16]),
    }


@pytest.mark.parametrize("background, logits", [(True, 3), (False, 2)])
def test_shapes_and_parameter_count(background, logits):
    """16 cells of 3 and 4 of 6 anchors: 72 rows. Weights of 1x1 convolutions:
    (8 + 1) * 3 * (logits + 4) and (16 + 1) * 6 * (logits + 4)."""
    head = _build(background=background)
    out = head(_features())
    assert list(out) == ["class_logits", "box_codes"]
    assert out["class_logits"].shape == (2, 72, logits)
    assert out["box_codes"].shape == (2, 72, 4)
    assert head.count_params() == (9 * 3 + 17 * 6) * (logits + 4)


def test_paths_are_unique_and_stable():
    head = _build()
    head(_features())
    name = "convolutional_box_predictor"
    paths = [v.path for v in head.variables]
    expected = {
        f"{name}/{kind}_{level}/conv/{v}"
        for kind in ("class", "box")
        for level in ("C4", "C5")
        for v in ("kernel", "bias")
    }
    seeds = {
        f"{name}/class_{x}/dropout/seed/seed_generator_state" for x in ("C4", "C5")
    }
    assert set(paths) == expected | seeds and len(paths) == 10


def test_rows_go_by_level_y_x_anchor():
    """Biases number the anchors, the map the cells: a code is 10 * cell + anchor."""
    head = _build(_text("box_code_size: 1"), anchors=(2,), classes=1)
    head({"C4": tf.zeros([1, 1, 2, 1])})
    kernel, bias = (v for v in head.weights if "/box_C4/" in v.path)
    kernel.assign(np.full((1, 1, 1, 2), 10.0))
    bias.assign([0.0, 1.0])
    codes = head({"C4": tf.reshape(tf.range(4.0), [1, 2, 2, 1])})["box_codes"]
    assert codes[0, :, 0].numpy().tolist() == [0, 1, 10, 11, 20, 21, 30, 31]


def test_a_level_without_anchors_has_no_convolutions():
    head = _build(anchors=(3, 0))
    outputs = head(_features())
    assert {w.path.split("/")[-3] for w in head.weights} == {"box_C4", "class_C4"}
    assert outputs["class_logits"].shape == (2, 4 * 4 * 3, 3)
    assert outputs["box_codes"].shape == (2, 4 * 4 * 3, 4)


def test_dropout_changes_classes_only_while_training():
    head = _build(_text("use_dropout: true dropout_keep_probability: 0.5 " + _init()))
    features = _features()
    inference, training = head(features), head(features, training=True)
    assert not np.allclose(inference["class_logits"], training["class_logits"])
    np.testing.assert_array_equal(inference["box_codes"], training["box_codes"])


def _init():
    return f"conv_hyperparams {{ {INIT} }}"


def test_class_bias_starts_as_asked():
    head = _build(
        _text(
            "class_prediction_bias_init: -4.6 conv_hyperparams { initializer { "
            "random_normal_initializer { stddev: 0 } } }"
        )
    )
    out = head(_features())
    np.testing.assert_allclose(out["class_logits"], -4.6, rtol=1e-6)
    np.testing.assert_allclose(out["box_codes"], 0.0)


@pytest.mark.parametrize("least, most, depth", [(0, 0, 0), (0, 12, 12), (20, 32, 20)])
def test_extra_layers_have_the_depth_of_the_level_within_limits(least, most, depth):
    """C4 has 8 channels and C5 16: 8 and 12 up to 12; 20 and 20 from 20 on."""
    head = _build(
        _text(f"num_layers_before_predictor: 2 min_depth: {least} max_depth: {most}")
    )
    head(_features())
    shapes = {v.path.split("/", 1)[1]: v.shape for v in head.variables}
    if depth == 0:
        assert not any("shared" in path for path in shapes)
        return
    assert shapes["shared_C5/conv1/conv/kernel"] == (1, 1, depth, depth)
    assert shapes["shared_C4/conv0/conv/kernel"] == (1, 1, 8, max(8, least))


def test_depthwise_prediction():
    """3x3 depthwise with batch norm, then 1x1 with bias, for classes and for boxes."""
    head = _build(
        _text(
            "use_depthwise: true kernel_size: 3 class_prediction_bias_init: 2 "
            "conv_hyperparams { batch_norm { scale: true } }"
        ),
        anchors=(1,),
    )
    head({"C4": tf.zeros([1, 4, 4, 8])})
    assert head.count_params() == 2 * (9 * 8 + 4 * 8) + 9 * 3 + 9 * 4
    bias = next(v for v in head.variables if v.path.endswith("class_C4/conv/bias"))
    np.testing.assert_allclose(bias, 2.0)


def test_box_codes_are_clipped():
    features = {n: 100 * m for n, m in _features().items()}
    head = _build(_text("box_encodings_clip_range { min: -1 max: 2 }"))
    codes = head(features)["box_codes"]
    assert float(tf.reduce_min(codes)) == -1 and float(tf.reduce_max(codes)) == 2


def test_half_precision_policy_gives_float32_and_finite_gradients():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        head = _build()
        features = {n: tf.cast(m, tf.bfloat16) for n, m in _features().items()}
        with tf.GradientTape() as tape:
            out = head(features, training=True)
            loss = sum(tf.reduce_mean(x**2) for x in out.values())
    finally:
        keras.config.set_dtype_policy("float32")
    assert {x.dtype for x in out.values()} == {tf.float32}
    assert {v.dtype for v in head.weights} == {"float32"}
    gradients = tape.gradient(loss, [v.value for v in head.trainable_variables])
    assert all(np.all(np.isfinite(g)) for g in gradients)


def test_unknown_sizes_batches_and_graph_equal_eager():
    head = _build(_text("use_dropout: false"))
    features = _features()
    expected = head(features)
    specs = {
        n: tf.TensorSpec([None, None, None, m.shape[-1]]) for n, m in features.items()
    }
    traced = tf.function(lambda x: head(x)).get_concrete_function(specs)
    single = traced({n: m[1:] for n, m in features.items()})
    for name, value in expected.items():
        np.testing.assert_allclose(single[name], value[1:], atol=1e-5)


def test_refused():
    with pytest.raises(ConfigError, match="min_depth is 9"):
        _build(_text("min_depth: 9 max_depth: 8"))
    with pytest.raises(ConfigError, match="kernel_size above 1"):
        _build(_text("use_depthwise: true"))
    with pytest.raises(ConfigError, match=r"clip_range.min: is 2, larger than max"):
        _build(_text("box_encodings_clip_range { min: 2 max: 1 }"))
    with pytest.raises(ValueError, match=r"gives 2 levels \(C4, C5\).* has 1"):
        _build(anchors=(3,))(_features())
