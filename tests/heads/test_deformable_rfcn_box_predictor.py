"""R-FCN's head with moved bins: its start, what it learns, forms, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from kit import check_graph, random_boxes

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.layers.position_sensitive_crop import position_sensitive_crop
from od_api.protos import box_predictor_pb2
from od_api.region_operators.roi_align import RoiAlign

SHAPE = (96, 128)
RFCN = "depth: 6 num_spatial_bins_width: 2 crop_height: 6 crop_width: 4"


def head_of(fields="", rfcn=RFCN, classes=3):
    text = f"rfcn_box_predictor {{ {rfcn} }} {fields}"
    message = box_predictor_pb2.DeformableRfcnBoxPredictor()
    head = build(text_format.Parse(text, message), num_classes=classes)
    head.build((None, None, None, 5))
    return head


def features(dtype="float32"):
    return tf.cast(tf.random.stateless_normal([2, 6, 8, 5], (1, 2)), dtype)


def proposals(count=7):
    boxes = random_boxes(np.random.default_rng(0), 2, count, size=96.0)
    boxes[0, 0] = [0, 0, *SHAPE]
    return tf.constant(boxes)


def predict(head, maps=None, boxes=None, **settings):
    maps = features() if maps is None else maps
    boxes = proposals() if boxes is None else boxes
    return head(maps, boxes, image_shape=SHAPE, **settings)


def offsets_of(head):
    """{"class/kernel", ...: variable}."""
    return {
        v.path.split("/", 1)[1].replace("_offsets", ""): v
        for v in head.variables
        if "_offsets" in v.path
    }


def set_offsets(head):
    """Some that differ by bin, class and place."""
    for i, variable in enumerate(offsets_of(head).values()):
        value = tf.random.stateless_normal(variable.shape, (i, 3))
        variable.assign(value)


@pytest.mark.parametrize(("fields", "sets"), [("", 4), ("offsets_by_class: false", 1)])
def test_parameters(fields, sets):
    """6 bins, 2 numbers each: of every class and of the box, from 6 channels."""
    head = head_of(fields)
    rfcn = 6 * 6 + 7 * 6 * 4 + 7 * 6 * 12
    assert head.count_params() == rfcn + 7 * 12 * sets + 7 * 12
    out = predict(head)
    assert out["class_logits"].shape == (2, 7, 4)
    assert out["box_codes"].shape == (2, 7, 3, 4)


def test_starts_as_r_fcn_with_roi_align():
    """Offsets of zero: the same weights in an ordinary head, read by RoIAlign."""
    head = head_of()
    assert all(not np.any(v) for v in offsets_of(head).values())
    message = text_format.Parse(RFCN, box_predictor_pb2.RfcnBoxPredictor())
    plain = build(message, num_classes=3)
    plain.build((None, None, None, 5))
    rest = [v for v in head.variables if "_offsets" not in v.path]
    for mine, other in zip(plain.variables, rest, strict=True):
        mine.assign(other)
    align = RoiAlign(sampling_ratio=1)
    want = predict(plain, read=align.position_sensitive)
    for name, value in predict(head).items():
        np.testing.assert_allclose(value, want[name], atol=1e-5)


def test_a_class_moves_its_own_bins():
    """Only class 2 has offsets: nothing else changes. One step back undoes gamma."""
    head = head_of()
    before = predict(head)
    bias = np.zeros([6, 4, 2], np.float32)
    bias[:, 2] = 1
    offsets_of(head)["class/bias"].assign(bias.reshape(-1))
    after = predict(head)
    moved = np.abs(after["class_logits"] - before["class_logits"]).max(axis=(0, 1))
    assert moved[2] > 1e-3
    np.testing.assert_array_equal(moved[[0, 1, 3]], 0)
    np.testing.assert_array_equal(after["box_codes"], before["box_codes"])
    still = head_of("gamma: 0")
    for mine, other in zip(still.variables, head.variables, strict=True):
        mine.assign(other)
    np.testing.assert_allclose(
        predict(still)["class_logits"], before["class_logits"], atol=1e-6
    )


def test_what_is_moved_is_a_tenth_of_the_region():
    """The map is x; a region of 40 columns moves by .1 * 2 * 40 of them, 8."""
    head = head_of(rfcn="depth: 1 crop_height: 3 crop_width: 3", classes=1)
    for variable in head.variables:
        variable.assign(tf.zeros(variable.shape))
    weights = {v.path: v for v in head.variables}
    for path, variable in weights.items():
        if path.endswith(("reduce_depth/conv/kernel", "class/conv/kernel")):
            variable.assign(tf.ones(variable.shape))
    x = tf.tile(tf.range(100.0)[None, None, :, None], [1, 100, 1, 5]) / 5
    boxes = tf.constant([[[20.0, 20, 60, 60]]])
    before = head(x, boxes, image_shape=(100, 100))["class_logits"]
    # (dx, dy) of 9 bins and 2 classes.
    offsets_of(head)["class/bias"].assign(np.tile(np.float32([2, 1]), 18))
    after = head(x, boxes, image_shape=(100, 100))["class_logits"]
    np.testing.assert_allclose(after - before, np.full((1, 1, 2), 8), rtol=1e-4)


def test_the_operator_reads_the_offsets():
    """Bins are kept apart, and another operator reads other offsets."""
    head = head_of()
    set_offsets(head)
    asked = []

    def read(maps, boxes, image_shape, crop_size, bins, global_pool):
        asked.append((maps.shape[-1], crop_size, bins, global_pool))
        return position_sensitive_crop(
            maps, boxes, image_shape, crop_size, bins, global_pool
        )

    want = predict(head)
    got = predict(head, read=read)
    assert asked == [(12, (6, 4), (3, 2), False), (48, (6, 4), (3, 2), False)]
    np.testing.assert_array_equal(got["class_logits"], want["class_logits"])
    other = predict(head, read=RoiAlign().position_sensitive)
    assert np.abs(other["class_logits"] - want["class_logits"]).max() > 1e-4


def test_static_form_agrees_and_compiles():
    head = head_of()
    set_offsets(head)
    operator = RoiAlign()
    want = predict(head, read=operator.position_sensitive)
    got = check_graph(
        lambda *inputs: predict(
            head, *inputs, read=operator.static().position_sensitive
        ),
        features(),
        proposals(),
        jit_compile=True,
    )
    for name, value in want.items():
        np.testing.assert_allclose(got[name], value, atol=1e-5)


def test_gradients_reach_every_weight_but_no_box():
    head, boxes = head_of(), proposals()
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        out = predict(head, boxes=boxes, training=True)
        loss = sum(tf.reduce_mean(one**2) for one in out.values())
    weights = [v.value for v in head.trainable_variables]
    *gradients, of_boxes = tape.gradient(loss, [*weights, boxes])
    assert of_boxes is None
    for gradient in gradients:
        assert np.isfinite(gradient).all() and np.any(gradient)


def test_half_precision():
    exact = head_of()
    set_offsets(exact)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        head = head_of()
        for mine, other in zip(head.variables, exact.variables, strict=True):
            mine.assign(other)
        out = predict(head, features("float16"))
    finally:
        keras.config.set_dtype_policy("float32")
    want = predict(exact)
    for name, value in out.items():
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, want[name], atol=0.02)


def test_no_proposals():
    none = predict(head_of(), boxes=proposals()[:, :0])
    assert none["box_codes"].shape == (2, 0, 3, 4)


def test_refused():
    with pytest.raises(ConfigError, match="gamma"):
        head_of("gamma: -1")
    with pytest.raises(ConfigError, match=r"rfcn_box_predictor.*crop_height is 10"):
        head_of(rfcn="crop_height: 10")
