"""Precise RoI pooling: values and gradients worked out by hand, and its two limits."""

import numpy as np
import pytest
import region_cases
import tensorflow as tf

from od_api.region_operators.precise_roi_pool import PreciseRoiPool
from od_api.region_operators.roi_align import roi_align


def pool(maps, boxes, size=(1, 1), image_shape=None):
    """Stride 1 unless said otherwise: boxes are in cells."""
    shape = image_shape or maps.shape[1:3]
    return PreciseRoiPool().crop(maps, tf.convert_to_tensor(boxes), shape, size)


def ramp(length=8):
    """f(x) = x."""
    return tf.tile(tf.range(float(length))[None, None, :, None], [1, length, 1, 1])


def single():
    """A 1 at cell (1, 1) of 4 x 4."""
    return tf.reshape(tf.one_hot(5, 16), [1, 4, 4, 1])


@pytest.mark.parametrize(
    ("box", "value"),
    [([0, 0, 2, 2], 0.25), ([0, 0, 1, 1], 0.25), ([0.5, 0.5, 1.5, 1.5], 0.5625)],
)
def test_one_cell_by_hand(box, value):
    """The hat's integral from 0 to 2 is 1, to 1 a half, .5 to 1.5 three quarters.

    Of each axis that is 1 / 2, .5 and .75; squared (T44).
    """
    got = pool(single(), np.float32([[box]]))
    assert float(got[0, 0, 0, 0, 0]) == pytest.approx(value)


def test_ramp_and_its_gradient():
    """Over .3 to 2.7 the mean is 1.5; moving x1 changes it by a half (T44)."""
    boxes = tf.Variable([[[1.0, 0.3, 3.0, 2.7]]])
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(pool(ramp(), boxes))
    assert float(value) == pytest.approx(1.5)
    gradient = tf.convert_to_tensor(tape.gradient(value, boxes))
    np.testing.assert_allclose(gradient[0, 0], [0, 0.5, 0, 0.5], atol=1e-6)


def test_constant_map_inside():
    maps = tf.fill([1, 8, 9, 2], 3.5)
    boxes = np.float32([[[0, 0, 7, 8], [1.3, 2.2, 4.9, 6.6], [2, 2, 2.01, 2.01]]])
    np.testing.assert_allclose(
        pool(maps, boxes, (3, 2)), np.full((1, 3, 3, 2, 2), 3.5), rtol=1e-4
    )


def test_zero_outside_and_without_area():
    """Half a cell beyond the border the interpolation still falls off: an eighth."""
    boxes = np.float32([[[9, 9, 12, 12], [2, 2, 2, 5], [5, 5, 2, 2], [3, 7.5, 4, 8.5]]])
    got = pool(tf.ones([1, 8, 8, 1]), boxes)[0, :, 0, 0, 0]
    np.testing.assert_allclose(got, [0, 0, 0, 0.125], atol=1e-6)


def test_gradients_are_those_of_small_steps():
    maps = tf.constant(region_cases.features(channels=2))
    boxes = tf.Variable(region_cases.boxes()[:, [0, 3, 5, 7, 8, 9]])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = tf.reduce_sum(pool(maps, boxes, (2, 3), region_cases.IMAGE) ** 2)
    to_boxes, to_maps = tape.gradient(value, [boxes, maps])
    assert np.isfinite(to_maps).all() and np.abs(to_maps).max() > 0.1
    step = 0.02

    def loss(change):
        moved = boxes + tf.constant(change, tf.float32)
        squares = pool(maps, moved, (2, 3), region_cases.IMAGE) ** 2
        return tf.reduce_sum(squares, axis=[2, 3, 4])

    for side in range(4):
        change = step * np.eye(4)[side]
        slope = (loss(change) - loss(-change)) / (2 * step)
        np.testing.assert_allclose(to_boxes[..., side], slope, atol=5e-3)


def test_no_gradient_of_what_has_no_area():
    boxes = tf.Variable([[[2.0, 2, 2, 5], [-5e8, -5e8, 5e8, 5e8]]])
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(pool(tf.ones([1, 8, 8, 1]), boxes))
    gradient = tf.convert_to_tensor(tape.gradient(value, boxes))
    assert np.isfinite(gradient).all()


def test_is_roi_align_of_many_samples():
    """Inside the map, for boxes of a cell and more, without the half cell."""
    maps = tf.constant(region_cases.features(channels=3, height=20, width=25))
    boxes = np.float32([[[8.2, 4.4, 60.1, 90.3], [20, 30, 40, 50]]] * 2)
    want = roi_align(maps, boxes, (80, 100), (3, 4), samples=60, aligned=False)
    got = pool(maps, boxes, (3, 4), (80, 100))
    np.testing.assert_allclose(got, want, atol=2e-3)


def test_forms_agree():
    operator = PreciseRoiPool()
    forms = [
        lambda maps, boxes, shape, one=one: one.crop(maps, boxes, shape, (3, 5))
        for one in (operator, operator.static())
    ]
    region_cases.check_forms(*forms, boxes_get_gradient=True)
