"""Every box from the level of a pyramid that suits its size."""

import numpy as np
import pytest
import region_cases
import tensorflow as tf
from google.protobuf import text_format
from kit import check_gradients, check_graph

from od_api.core.registry import build
from od_api.core.types import MapSpecs, as_priors
from od_api.layers.bilinear_crops import crop_and_resize
from od_api.protos import region_operator_pb2
from od_api.region_operators.crop_and_resize import CropAndResize

ONE_LEVEL = ["crop_and_resize", "roi_align", "roi_max_pool"]


def operator_of(text):
    message = region_operator_pb2.RegionOperator()
    return build(text_format.Parse(text, message))


def test_each_box_is_read_from_its_level():
    """Three maps of 1, 2, 3: a small, a middle and a large box get each its number."""
    maps = {f"P{i}": tf.fill([1, 64 >> i, 64 >> i, 2], float(i + 1)) for i in range(3)}
    boxes = tf.constant([[[0.0, 0, 50, 50], [0, 0, 300, 300], [0, 0, 500, 500]]])
    crops = check_graph(
        lambda x: CropAndResize()(maps, as_priors(x), (512, 512), [2, 3]), boxes
    )
    assert crops.shape == (1, 3, 2, 3, 2)
    # 50 and 300 px are of levels -2 and 0 plus 1: the finest and the second.
    np.testing.assert_allclose(crops[0, :, 0, 0, 0], [1, 2, 3])
    np.testing.assert_allclose(
        crops, np.broadcast_to(crops[..., :1, :1, :1], crops.shape)
    )


def test_a_rule_is_told_the_strides():
    told = []

    def rule(boxes, strides):
        told.append(tuple(strides))
        return tf.zeros(tf.shape(boxes)[:2], tf.int32)

    operator = CropAndResize(level_rule=rule)
    operator.build(MapSpecs({"P3": 8, "P4": 16}, {"P3": 1, "P4": 1}))
    maps = {"P3": tf.ones([1, 8, 8, 1]), "P4": tf.zeros([1, 4, 4, 1])}
    crops = operator(maps, tf.constant([[[0.0, 0, 64, 64]]]), (64, 64), [2, 2])
    assert told == [(8, 16)]
    np.testing.assert_allclose(crops, np.ones(crops.shape), rtol=1e-6)


def test_one_map_is_read_as_it_is():
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, 8, 8, 3)), tf.float32)
    boxes = tf.constant([[[0.0, 0, 64, 64]], [[10, 20, 30, 60]]])
    one = CropAndResize()({"C4": x}, boxes, (64, 64), [4, 4])
    np.testing.assert_array_equal(one, crop_and_resize(x, boxes, (64, 64), [4, 4]))


def test_gradient_goes_to_the_levels_that_were_read():
    """The only box is small: the coarse map gets none."""
    boxes = tf.constant([[[0.0, 0, 20, 20]]])

    def call(fine, coarse):
        return CropAndResize()({"P2": fine, "P3": coarse}, boxes, (64, 64), [2, 2])

    fine, coarse = check_gradients(call, tf.ones([1, 16, 16, 1]), tf.ones([1, 8, 8, 1]))
    # Each of the four cells of the crop is a mean of weight 1.
    assert float(tf.reduce_sum(fine)) == pytest.approx(4)
    assert float(tf.reduce_sum(tf.abs(coarse))) == 0


def test_no_boxes():
    maps = {"P2": tf.ones([2, 8, 8, 3]), "P3": tf.ones([2, 4, 4, 3])}
    crops = CropAndResize()(maps, tf.zeros([2, 0, 4]), (32, 32), [2, 2])
    assert crops.shape == (2, 0, 2, 2, 3)


@pytest.mark.parametrize("name", ONE_LEVEL)
def test_static_form_of_a_pyramid(name):
    """It agrees with the native one, compiled too, and in float16."""
    operator = operator_of(f"{name} {{}}")
    static = operator.static()
    assert static.is_static and not operator.is_static
    boxes = tf.constant(region_cases.boxes())
    maps = {
        "P2": tf.constant(region_cases.features(0, channels=3)),
        "P3": tf.constant(region_cases.features(1, height=10, width=13, channels=3)),
    }
    for dtype in (tf.float32, tf.float16):
        read = {level: tf.cast(x, dtype) for level, x in maps.items()}
        want = operator(read, boxes, region_cases.IMAGE, (3, 2))
        run = tf.function(
            lambda x, b: static(x, b, region_cases.IMAGE, (3, 2)), jit_compile=True
        )
        got = run(read, boxes)
        assert got.dtype == want.dtype == dtype
        tolerance = 1e-5 if dtype == tf.float32 else 2e-3
        np.testing.assert_allclose(got, want, atol=tolerance)


@pytest.mark.parametrize("name", ONE_LEVEL)
def test_position_sensitive_forms_agree(name):
    """Bin (i, j) reads group 2 i + j alone: group g is the constant g."""
    operator = operator_of(f"{name} {{}}")
    groups = tf.repeat(tf.range(4.0), 3)
    maps = tf.ones([1, 8, 8, 1]) * groups
    boxes = tf.constant([[[8.0, 8, 40, 48], [16, 16, 56, 56]]])
    for one in (operator, operator.static()):
        got = one.position_sensitive(maps, boxes, (64, 64), (4, 4), (2, 2))
        np.testing.assert_allclose(got, np.full((1, 2, 3), 1.5), rtol=1e-5)
