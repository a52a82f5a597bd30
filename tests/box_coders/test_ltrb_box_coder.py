"""A box code of four distances."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.box_coders.ltrb_box_coder import LtrbBoxCoder
from od_api.core.registry import build
from od_api.core.types import Priors
from od_api.protos import box_coder_pb2

POINT = np.float32([50, 50, 50, 50])
# 10 left, 20 up, 30 right and 40 down.
BOX = np.float32([30, 40, 90, 80])


def priors(boxes, strides):
    count = len(boxes)
    return Priors(
        boxes=tf.constant(boxes, tf.float32),
        strides=tf.constant(strides, tf.float32),
        levels=tf.zeros([count], tf.int32),
        valid=tf.ones([count], tf.bool),
    )


def test_distances():
    coder = LtrbBoxCoder()
    np.testing.assert_array_equal(coder.encode(BOX, POINT), [10, 20, 30, 40])
    np.testing.assert_array_equal(coder.decode([10.0, 20, 30, 40], POINT), BOX)


def test_logarithms():
    coder = LtrbBoxCoder(exponential=True)
    code = coder.encode(BOX, POINT)
    np.testing.assert_allclose(code, np.log([10, 20, 30, 40]), rtol=1e-6)
    np.testing.assert_allclose(coder.decode(code, POINT), BOX, rtol=1e-6)


def test_strides():
    """Strides 8 down and 4 across: 10 / 4, 20 / 8, 30 / 4, 40 / 8."""
    place = priors([POINT], [[8, 4]])
    coder = LtrbBoxCoder(by_stride=True)
    code = coder.encode(BOX[None], place)
    np.testing.assert_allclose(code, [[2.5, 2.5, 7.5, 5]])
    np.testing.assert_allclose(coder.decode(code, place), BOX[None])
    both = LtrbBoxCoder(by_stride=True, exponential=True)
    np.testing.assert_allclose(both.encode(BOX[None], place), np.log(code), rtol=1e-6)
    np.testing.assert_array_equal(coder.encode(BOX, POINT), [10, 20, 30, 40])


def test_codes_of_several_boxes_of_a_prior():
    """[B, A, Q, 4] against Priors with an axis of their own."""
    rng = np.random.default_rng(0)
    place = priors(kit.random_boxes(rng, 3), rng.uniform(1, 9, (3, 2)))
    codes = rng.uniform(0, 2, (2, 3, 5, 4)).astype(np.float32)
    coder = LtrbBoxCoder(by_stride=True, exponential=True)
    decoded = coder.decode(codes, place.for_codes())
    assert decoded.shape == (2, 3, 5, 4)
    for q in range(5):
        kit.assert_same(decoded[:, :, q], coder.decode(codes[:, :, q], place))


def test_a_point_outside_is_put_just_inside():
    coder = LtrbBoxCoder(exponential=True)
    code = coder.encode(np.float32([60, 40, 90, 80]), POINT)
    np.testing.assert_allclose(coder.decode(code, POINT), [49.99, 40, 90, 80])


def test_wild_codes_stay_finite():
    coder = LtrbBoxCoder(exponential=True)
    codes = tf.constant([[500.0, -500.0, 1000.0, 0.0]])
    assert np.isfinite(coder.decode(codes, POINT)).all()
    kit.check_gradients(lambda given: coder.decode(given, POINT), codes)


def test_field():
    message = text_format.Parse(
        "ltrb_box_coder { by_stride: true }", box_coder_pb2.BoxCoder()
    )
    assert build(message).by_stride


@pytest.mark.parametrize("by_stride", [False, True])
@pytest.mark.parametrize("exponential", [False, True])
def test_kit(exponential, by_stride):
    coder = LtrbBoxCoder(exponential=exponential, by_stride=by_stride)
    kit.check_box_coder(coder, keeps_shape=not exponential)
