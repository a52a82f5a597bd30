"""Faster and Mask R-CNN's head: pooling, shapes, dropout, settings, mask branch."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from kit import check_graph

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.heads._mask_head import automatic_depth
from od_api.protos import box_predictor_pb2

CONV = "conv_hyperparams { initializer { random_normal_initializer { stddev: 0.3 } } }"


def head_of(fields="", classes=3):
    message = box_predictor_pb2.MaskRCNNBoxPredictor()
    return build(text_format.Parse(fields, message), num_classes=classes)


def masked(fields="", classes=3):
    return head_of(f"predict_instance_masks: true {CONV} {fields}", classes)


def regions(count=5, height=4, width=6, channels=8):
    return tf.random.stateless_normal([count, height, width, channels], (1, 2))


def test_shapes_and_parameter_count():
    """8 features: (8 + 1) * 4 for the logits and (8 + 1) * 3 * 4 for the codes."""
    head = head_of()
    out = head(regions())
    assert list(out) == ["class_logits", "box_codes"]
    assert out["class_logits"].shape == (5, 4) and out["box_codes"].shape == (5, 3, 4)
    assert head.count_params() == 9 * 4 + 9 * 12
    assert not head.predicts_masks


def test_shared_box():
    head = head_of("share_box_across_classes: true")
    out = head(regions())
    assert out["class_logits"].shape == (5, 4) and out["box_codes"].shape == (5, 1, 4)


def test_features_are_averaged_and_codes_go_by_class():
    """One channel of mean 2 (0 and 4): code n of weight n is 2n, three classes of 4."""
    head = head_of()
    head(tf.zeros([1, 1, 2, 1]))
    weights = {v.path.split("/", 1)[1]: v for v in head.variables}
    weights["box/dense/kernel"].assign(np.arange(12.0)[None])
    weights["class/dense/kernel"].assign([[0.0, 1.0, 2.0, 3.0]])
    weights["class/dense/bias"].assign([5.0, 0.0, 0.0, 0.0])
    out = head(tf.constant([0.0, 4.0], shape=[1, 1, 2, 1]))
    np.testing.assert_allclose(out["class_logits"], [[5, 2, 4, 6]])
    np.testing.assert_allclose(out["box_codes"][0, 1], [8, 10, 12, 14])


def test_paths_are_unique_and_stable():
    head = masked("use_dropout: true fc_hyperparams { batch_norm { scale: true } }")
    head(regions())
    paths = {v.path for v in head.variables}
    assert len(paths) == len(head.variables)
    name = "mask_rcnn_box_predictor"
    for path in (
        "class/dropout/seed/seed_generator_state",
        "class/dense/kernel",
        "box/dense/bias",
        "box/norm/gamma",
        "mask/convs/conv0/conv/kernel",
        "mask/convs/last/bias",
    ):
        assert f"{name}/{path}" in paths


def test_dropout_only_while_training():
    head = head_of("use_dropout: true dropout_keep_probability: 0.5")
    features = regions()
    inference, training = head(features), head(features, training=True)
    for name in inference:
        assert not np.allclose(inference[name], training[name])
        np.testing.assert_array_equal(inference[name], head(features)[name])
    still = head_of()
    np.testing.assert_array_equal(
        still(features)["box_codes"], still(features, training=True)["box_codes"]
    )


def test_fc_hyperparams_reach_kernels_alone():
    """Kernels of 0.5: decay of 16 channels x (4 + 12) columns x 0.25 x weight / 2."""
    head = head_of(
        "fc_hyperparams { op: FC regularizer { l2_regularizer { weight: 0.1 } } "
        "initializer { random_normal_initializer { mean: 0.5 stddev: 0 } } }"
    )
    head(regions(channels=16))
    np.testing.assert_allclose(sum(head.losses), 16 * 16 * 0.25 * 0.05, rtol=1e-5)
    biases = [v for v in head.variables if v.path.endswith("bias")]
    assert len(biases) == 2 and not any(np.any(b) for b in biases)


def test_normaliser_of_outputs():
    head = head_of("fc_hyperparams { batch_norm { decay: 0.5 } }")
    out = head(regions(64), training=True)
    np.testing.assert_allclose(tf.reduce_mean(out["class_logits"], 0), 0, atol=1e-5)


@pytest.mark.parametrize(
    "fields, shape",
    [
        ("", (5, 15, 15, 3)),
        ("masks_are_class_agnostic: true mask_height: 7", (5, 7, 15, 1)),
        (
            "convolve_then_upsample_masks: true mask_height: 8 mask_width: 6",
            (5, 8, 6, 3),
        ),
    ],
)
def test_mask_shapes(fields, shape):
    head = masked(fields)
    head(regions())
    assert head.masks(regions()).shape == shape
    assert head.masks(regions(2)).shape == (2, *shape[1:])


def test_mask_branch_enlarges_with_corners_on_corners():
    """A 1x1 identity at the kernel's middle: 0 and 6 at 7 columns are 0, 1, ..., 6."""
    head = masked(
        "mask_height: 1 mask_width: 7 mask_prediction_num_conv_layers: 1", classes=1
    )
    head(tf.zeros([1, 1, 2, 1]))
    kernel, bias = (v for v in head.variables if "/mask/" in v.path)
    assert kernel.shape == (3, 3, 1, 1) and bias.shape == (1,)
    kernel.assign(np.pad(np.ones((1, 1, 1, 1)), [[1, 1], [1, 1], [0, 0], [0, 0]]))
    made = head.masks(tf.constant([0.0, 6.0], shape=[1, 1, 2, 1]))
    np.testing.assert_allclose(made[0, 0, :, 0], np.arange(7.0), atol=1e-6)


def test_mask_depth():
    """2048 features, 90 classes: (2 * 11 + 3 * 6.49) / 5 = 8.3, so 2 ** 8."""
    assert automatic_depth(2048, 90) == 256
    assert automatic_depth(1024, 1) == 16
    head = masked("mask_prediction_conv_depth: 0 mask_prediction_num_conv_layers: 3")
    head(regions())
    shapes = {v.path.split("mask/", 1)[-1]: v.shape for v in head.variables}
    depth = automatic_depth(8, 3)
    assert shapes["convs/conv0/conv/kernel"] == (3, 3, 8, depth)
    assert shapes["convs/conv1/conv/kernel"] == (3, 3, depth, depth)
    assert shapes["convs/last/kernel"] == (3, 3, depth, 3)


def test_statistics_of_the_mask_branch_move_only_in_training():
    head = head_of(
        "predict_instance_masks: true conv_hyperparams { batch_norm { decay: 0.5 } }"
    )
    features = 3 + regions()
    head(features, training=True)
    mean = next(v for v in head.variables if v.path.endswith("moving_mean"))
    head.masks(features)
    assert not np.any(mean)
    head.masks(features, training=True)
    assert np.all(mean)


@pytest.mark.parametrize("last", ["false", "true"])
def test_gradients_reach_every_weight(last):
    head = masked(
        f"convolve_then_upsample_masks: {last} mask_height: 8 mask_width: 12 "
        "mask_prediction_conv_depth: 6"
    )
    features = regions()
    head(features)
    with tf.GradientTape() as tape:
        out = [*head(features, training=True).values()]
        out.append(head.masks(features, training=True))
        loss = sum(tf.reduce_mean(one**2) for one in out)
    weights = [v.value for v in head.trainable_variables]
    for gradient in tape.gradient(loss, weights):
        assert np.isfinite(gradient).all() and np.any(gradient)


def test_xla_and_unknown_count():
    head = masked("mask_prediction_conv_depth: 6")
    features = regions()
    head(features)

    def gradient(given):
        with tf.GradientTape() as tape:
            tape.watch(given)
            out = head(given)
            loss = tf.reduce_mean(head.masks(given) ** 2)
            loss += sum(tf.reduce_mean(one) for one in out.values())
        return loss, tape.gradient(loss, given)

    check_graph(gradient, features, jit_compile=True)
    spec = tf.TensorSpec([None, 4, 6, 8])
    traced = tf.function(head.masks).get_concrete_function(spec)
    np.testing.assert_allclose(
        traced(features[2:]), head.masks(features)[2:], atol=1e-5
    )


def test_half_precision_policy_gives_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        head = masked()
        features = tf.cast(regions(), tf.bfloat16)
        out = [*head(features).values(), head.masks(features)]
    finally:
        keras.config.set_dtype_policy("float32")
    assert {one.dtype for one in out} == {tf.float32}


def test_refused():
    with pytest.raises(ConfigError, match="keep_probability: is 0; it must be above 0"):
        head_of("dropout_keep_probability: 0")
    with pytest.raises(ConfigError, match="mask_height: is 0"):
        masked("mask_height: 0")
    with pytest.raises(ConfigError, match="num_conv_layers: is 0"):
        masked("mask_prediction_num_conv_layers: 0")
    with pytest.raises(ValueError, match=r"\(15, 15\) and must be multiples of .*4, 6"):
        masked("convolve_then_upsample_masks: true")(regions())
    with pytest.raises(ValueError, match="predict_instance_masks: true"):
        head_of().masks(regions())


def test_keypoints_have_no_effect():
    """The same variables and, with the same values in them, the same outputs."""
    plain, head = head_of(), head_of("predict_keypoints: true")
    plain(regions())
    head(regions())
    assert [v.path for v in head.variables] == [v.path for v in plain.variables]
    head.set_weights(plain.get_weights())
    outputs, expected = head(regions()), plain(regions())
    assert outputs.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(outputs[name], value)
