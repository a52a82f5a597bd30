"""What of a model is its network, and that nothing else is computed in less digits."""

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from od_api.exporting.lowered_network import LoweredNetwork


def weights(*shape):
    return ops.constant(np.ones(shape, np.float32))


def two_stages():
    """Pixels -> two convolutions -> places in pixels -> a crop -> a product.

    An image of ones gives 3 * 1 = 3, relu 3, 8 * 3 = 24, codes 24 / 8 = 3: places are
    1003 to 1130. The four best, 1130 to 1127, are 4, 3, 2, 1 from 1126, which weigh the
    features of the crop, 24: each class is 24 * 10 = 240.
    """
    image = ops.parameter([1, 3, 4, 4], np.float32, name="image")
    scaled = ops.multiply(image, weights(1, 3, 1, 1), name="scaled")
    settings = [1, 1], [0, 0], [0, 0], [1, 1]
    first = ops.convolution(scaled, weights(8, 3, 1, 1), *settings, name="first")
    relu = ops.relu(first, name="relu")
    second = ops.convolution(relu, weights(8, 8, 1, 1), *settings, name="second")
    codes = ops.multiply(second, ops.constant(np.float32(0.125)), name="codes")
    anchors = np.arange(1000, 1128, dtype=np.float32).reshape(1, 8, 4, 4)
    places = ops.add(codes, ops.constant(anchors), name="places")
    every = ops.reshape(places, np.array([128]), False, name="every")
    best = ops.topk(every, np.int64(4), 0, "max", "value", name="best")
    shares = ops.subtract(best.output(0), ops.constant(np.float32(1126)), name="shares")
    rows = ops.mod(best.output(1), ops.constant(np.int32(8)), name="rows")
    crop = ops.gather(second, rows, np.int64(1), name="crop")
    pooled = ops.reduce_mean(crop, np.array([2, 3]), name="pooled")
    weighed = ops.multiply(pooled, shares, name="weighed")
    classes = ops.matmul(weighed, weights(4, 4), False, False, name="classes")
    return openvino.Model([ops.result(classes)], [image])


def choice():
    """The best place of a convolution, 1130, less 1126 in either of two graphs: 4.

    A product is behind it, as a second stage is behind the choice of proposals.
    """
    image = ops.parameter([1, 3, 4, 4], np.float32, name="image")
    settings = [1, 1], [0, 0], [0, 0], [1, 1]
    maps = ops.convolution(image, weights(8, 3, 1, 1), *settings, name="maps")
    places = ops.add(maps, ops.constant(np.float32(1127)), name="places")
    every = ops.reshape(places, np.array([128]), False)
    best = ops.topk(every, np.int64(1), 0, "max", "value").output(0)
    chosen = ops.if_op(ops.less(best, ops.constant(np.float32(2000))))
    (value, less), (other, same) = _less_1126(), _less_1126()
    chosen.set_then_body(openvino.Model([less], [value]))
    chosen.set_else_body(openvino.Model([same], [other]))
    chosen.set_input(best, value, other)
    shares = ops.reshape(chosen.set_output(less, same), np.array([1, 1]), False)
    classes = ops.matmul(shares, weights(1, 1), False, False, name="classes")
    return openvino.Model([ops.result(classes)], [image])


def _less_1126():
    value = ops.parameter([1], np.float32)
    return value, ops.result(ops.subtract(value, ops.constant(np.float32(1126))))


def classes_of(model, hint):
    settings = {"INFERENCE_PRECISION_HINT": hint}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    return compiled([np.ones((1, 3, 4, 4), np.float32)])[0]


def test_what_is_the_network():
    """The crop picks at places that the network found, so that it is none of it."""
    found = LoweredNetwork(two_stages())
    assert found.weighted == {"first", "second", "classes"}
    assert found.names == {*found.weighted, "relu"}
    others = {"scaled", "codes", "places", "best", "shares", "rows", "crop", "weighed"}
    assert others <= found.others


@pytest.mark.parametrize("hint", ["bf16", "f16"])
def test_places_keep_their_digits(hint, tmp_path):
    """bfloat16 has steps of 8 at 1130: all four would be 1128, and each class 192.

    A processor without bfloat16 computes in float32, and shows nothing here.
    """
    model = two_stages()
    LoweredNetwork(model).keep_others_exact()
    openvino.save_model(model, tmp_path / "model.xml", compress_to_fp16=True)
    read = openvino.Core().read_model(tmp_path / "model.xml")
    np.testing.assert_array_equal(classes_of(read, hint), [[240] * 4])


@pytest.mark.parametrize("hint", ["bf16", "f16"])
def test_a_choice_keeps_its_digits(hint, tmp_path):
    """bfloat16 would have 1128 - 1126 = 2."""
    model = choice()
    LoweredNetwork(model).keep_others_exact()
    openvino.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    kept = openvino.Core().read_model(tmp_path / "model.xml")
    assert classes_of(kept, hint) == 4
