"""Every box from the level of a pyramid that suits its size."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_gradients, check_graph

from od_api.layers.bilinear_crops import crop_and_resize
from od_api.region_operators.multilevel_crop import box_levels, multilevel_crop


@pytest.mark.parametrize(
    ("sides", "level"),
    [
        # 224 px belong to level 4 - 2; every doubling is one up, and the ends hold.
        ((224, 224), 2),
        ((223.9, 223.9), 1),
        ((448, 448), 3),
        ((447, 447), 2),
        ((112, 112), 1),
        ((56, 56), 0),
        ((1, 1), 0),
        ((5000, 5000), 3),
        # By the square root of the area: 112 x 448 is 224 x 224.
        ((112, 448), 2),
        ((448, 112), 2),
        # An empty box and one turned inside out.
        ((0, 0), 0),
        ((-300, 300), 0),
    ],
)
def test_levels_by_hand(sides, level):
    """Equation 1 of Lin et al.: floor(log2(side / 224)) + 2 of the levels 0 to 3."""
    box = tf.constant([[[7.0, 9.0, 7.0 + sides[0], 9.0 + sides[1]]]])
    assert int(box_levels(box, 4)[0, 0]) == level


def test_each_box_is_cropped_from_its_level():
    """Three maps of 1, 2, 3: a small, a middle and a large box get each its number."""
    maps = {f"P{i}": tf.fill([1, 64 >> i, 64 >> i, 2], float(i + 1)) for i in range(3)}
    boxes = tf.constant([[[0.0, 0, 50, 50], [0, 0, 300, 300], [0, 0, 500, 500]]])
    crops = check_graph(
        lambda x: multilevel_crop(maps, x, (512, 512), [2, 3], crop=crop_and_resize),
        boxes,
    )
    assert crops.shape == (1, 3, 2, 3, 2)
    # 50 and 300 px are of levels -2 and 0 plus 1: the finest and the second.
    np.testing.assert_allclose(crops[0, :, 0, 0, 0], [1, 2, 3])
    np.testing.assert_allclose(
        crops, np.broadcast_to(crops[..., :1, :1, :1], crops.shape)
    )


def test_one_map_is_cropped_as_it_is():
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, 8, 8, 3)), tf.float32)
    boxes = tf.constant([[[0.0, 0, 64, 64]], [[10, 20, 30, 60]]])
    one = multilevel_crop({"C4": x}, boxes, (64, 64), [4, 4], crop=crop_and_resize)
    np.testing.assert_array_equal(one, crop_and_resize(x, boxes, (64, 64), [4, 4]))


def test_gradient_goes_to_the_levels_that_were_read():
    """The only box is small: the coarse map gets none."""
    boxes = tf.constant([[[0.0, 0, 20, 20]]])

    def call(fine, coarse):
        maps = {"P2": fine, "P3": coarse}
        return multilevel_crop(maps, boxes, (64, 64), [2, 2], crop=crop_and_resize)

    fine, coarse = check_gradients(call, tf.ones([1, 16, 16, 1]), tf.ones([1, 8, 8, 1]))
    # Each of the four cells of the crop is a mean of weight 1.
    assert float(tf.reduce_sum(fine)) == pytest.approx(4)
    assert float(tf.reduce_sum(tf.abs(coarse))) == 0


def test_no_boxes():
    maps = {"P2": tf.ones([2, 8, 8, 3]), "P3": tf.ones([2, 4, 4, 3])}
    crops = multilevel_crop(
        maps, tf.zeros([2, 0, 4]), (32, 32), [2, 2], crop=crop_and_resize
    )
    assert crops.shape == (2, 0, 2, 2, 3)
