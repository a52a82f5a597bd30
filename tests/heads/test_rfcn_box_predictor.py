"""R-FCN's head: shapes, order of the score maps, forms of the crop, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from kit import check_graph, random_boxes

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.layers.position_sensitive_crop import matmul_position_sensitive_crop
from od_api.protos import box_predictor_pb2

SHAPE = (96, 128)


def head_of(fields="depth: 6", classes=3):
    message = box_predictor_pb2.RfcnBoxPredictor()
    return build(text_format.Parse(fields, message), num_classes=classes)


def features(batch=2):
    return tf.random.stateless_normal([batch, 6, 8, 5], (1, 2))


def proposals(batch=2, count=7):
    boxes = random_boxes(np.random.default_rng(0), batch, count, size=96.0)
    boxes[0, 0] = [0, 0, *SHAPE]
    return tf.constant(boxes)


def predict(head, *inputs, **settings):
    return head(*(inputs or (features(), proposals())), image_shape=SHAPE, **settings)


@pytest.mark.parametrize("shared, count", [("true", 1), ("false", 3)])
def test_shapes_and_parameter_count(shared, count):
    """5 -> 6 channels; 9 bins of 4 logits and of 4 numbers a box."""
    head = head_of(f"depth: 6 share_box_across_classes: {shared}")
    out = predict(head)
    assert list(out) == ["class_logits", "box_codes"]
    assert out["class_logits"].shape == (2, 7, 4)
    assert out["box_codes"].shape == (2, 7, count, 4)
    assert head.count_params() == 6 * 6 + 7 * 9 * 4 + 7 * 9 * count * 4


def test_maps_go_by_bin_then_class_then_code():
    """Biases alone, 2 bins: the mean of entry n of both bins, n and 100 + n: 50 + n."""
    head = head_of(
        "depth: 1 num_spatial_bins_height: 1 num_spatial_bins_width: 2 "
        "crop_height: 2 crop_width: 2 conv_hyperparams { initializer { "
        "random_normal_initializer { stddev: 0 } } }",
        classes=2,
    )
    predict(head)
    for kind, size in (("class", 3), ("box", 8)):
        bias = next(v for v in head.variables if v.path.endswith(f"{kind}/conv/bias"))
        bias.assign(np.concatenate([np.arange(size), 100.0 + np.arange(size)]))
    out = predict(head)
    np.testing.assert_allclose(out["class_logits"][1, 2], [50, 51, 52], rtol=1e-5)
    codes = 50 + np.arange(8.0).reshape(2, 4)
    np.testing.assert_allclose(out["box_codes"][1, 2], codes, rtol=1e-5)


def test_bins_read_their_own_part_of_the_box():
    """A map of 0 left and 1 right, a box over both halves, bins of weight 1 and 3.

    The bins meet at cell 3.5, where the map is 0.5. Each has a sample there and one at
    its other end: 1 * (0 + 0.5) / 2 and 3 * (0.5 + 1) / 2, of which the mean is 1.25.
    """
    head = head_of(
        "depth: 1 num_spatial_bins_height: 1 num_spatial_bins_width: 2 "
        "crop_height: 1 crop_width: 4",
        classes=1,
    )
    maps = tf.constant([0.0] * 4 + [1.0] * 4, shape=[1, 1, 8, 1])
    boxes = tf.constant([[[0.0, 2.0, 8.0, 14.0]]])
    head(maps, boxes, image_shape=(8, 16))
    weights = {v.path.split("/", 1)[1]: v for v in head.variables}
    weights["reduce_depth/conv/kernel"].assign([[[[1.0]]]])
    weights["class/conv/kernel"].assign([[[[1.0, 0.0, 3.0, 0.0]]]])
    out = head(maps, boxes, image_shape=(8, 16))
    np.testing.assert_allclose(out["class_logits"][0, 0], [1.25, 0], atol=1e-6)


def test_both_crops_agree_and_compile():
    head = head_of()
    native = predict(head)
    product = check_graph(
        lambda *inputs: predict(head, *inputs, read=matmul_position_sensitive_crop),
        features(),
        proposals(),
        jit_compile=True,
    )
    for name, value in native.items():
        np.testing.assert_allclose(product[name], value, atol=1e-5)


def test_batch_equals_singles_and_no_proposals():
    head = head_of()
    both = predict(head)
    one = predict(head, features()[1:], proposals()[1:])
    for name, value in one.items():
        np.testing.assert_allclose(value, both[name][1:], atol=1e-5)
    none = predict(head, features(), proposals()[:, :0])
    assert none["box_codes"].shape == (2, 0, 3, 4)


def test_unknown_sizes():
    head = head_of()
    expected = predict(head)
    specs = [tf.TensorSpec([None, None, None, 5]), tf.TensorSpec([None, None, 4])]
    specs.append(tf.TensorSpec([2], tf.int32))
    traced = tf.function(
        lambda maps, boxes, shape: head(maps, boxes, image_shape=(shape[0], shape[1]))
    ).get_concrete_function(*specs)
    for name, value in traced(features(), proposals(), tf.constant(SHAPE)).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)
    assert traced.structured_outputs["box_codes"].shape.as_list() == [None, None, 3, 4]


def test_gradients_reach_every_weight_but_no_box():
    head = head_of("depth: 6 conv_hyperparams { batch_norm { scale: true } }")
    predict(head)
    boxes = proposals()
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        out = predict(head, features(), boxes, training=True)
        loss = sum(tf.reduce_mean(one**2) for one in out.values())
    weights = [v.value for v in head.trainable_variables]
    *gradients, of_boxes = tape.gradient(loss, [*weights, boxes])
    assert of_boxes is None
    for gradient in gradients:
        assert np.isfinite(gradient).all() and np.any(gradient)


def test_half_precision_leaves_boxes_alone():
    """bfloat16 knows no number between 512 and 516: a box there would move."""
    maps = tf.random.stateless_normal([1, 64, 64, 5], (3, 4))
    boxes = tf.constant([[[510.0, 509.0, 515.0, 513.0]]])
    exact = head_of()
    exact(maps, boxes, image_shape=(1024, 1024))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        head = head_of()
        head(maps, boxes, image_shape=(1024, 1024))
        for mine, other in zip(head.variables, exact.variables, strict=True):
            mine.assign(other)
        out = head(maps, boxes, image_shape=(1024, 1024))
        rounded = tf.cast(tf.cast(boxes, tf.bfloat16), tf.float32)
        moved = head(maps, rounded, image_shape=(1024, 1024))
    finally:
        keras.config.set_dtype_policy("float32")
    wanted = exact(maps, boxes, image_shape=(1024, 1024))
    for name, value in out.items():
        assert value.dtype == tf.float32
        error = np.abs(value - wanted[name]).max()
        assert error < 0.02
        assert error < np.abs(moved[name] - wanted[name]).max()


def test_refused():
    with pytest.raises(ConfigError, match=r"crop_height is 10 .* num_spatial_bins_.*3"):
        head_of("crop_height: 10")
    with pytest.raises(ConfigError, match=r"crop_width is 12 .* num_spatial_bins_.*5"):
        head_of("num_spatial_bins_width: 5")
    with pytest.raises(ConfigError, match="num_spatial_bins_width: is 0"):
        head_of("num_spatial_bins_width: 0")
    with pytest.raises(ConfigError, match="depth: is 0"):
        head_of("depth: 0")
