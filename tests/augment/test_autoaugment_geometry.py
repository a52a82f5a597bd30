"""The AutoAugment moves: image, boxes, masks and keypoints together."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import (
    assert_consistent,
    assert_equal,
    painted,
    sample,
    seed,
    white_box,
)

from od_api.augment import _autoaugment_geometry as moves
from od_api.augment import autoaugment_image

MOVES = autoaugment_image.AutoAugmentImage()._moves


def test_rotation_matrix_turns_about_the_centre():
    """The centre stays; at level 10 a point 10 right of it goes 30 degrees round."""
    matrix = np.asarray(moves.rotation(seed(), 10, (tf.constant(40.0), 60.0)))
    np.testing.assert_allclose(matrix @ [20, 30, 1], [20, 30, 1], atol=1e-4)
    y, x, _ = matrix @ [20, 40, 1] - [20, 30, 1]
    np.testing.assert_allclose(np.hypot(y, x), 10, rtol=1e-5)
    np.testing.assert_allclose(abs(y), 5, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(MOVES))
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_boxes_move_with_the_image(name, number):
    """A painted box stays around its white pixels, and touches them if not turned."""
    before = painted([(16.0, 24.0, 26.0, 36.0)])
    before["image"] = tf.where(before["image"] > 0, before["image"], 0.0)
    level = 1 if name.startswith("Translate") else 6
    move = MOVES[name]
    after = moves.move_sample(before, seed(number), level, move)
    assert_consistent(after)
    white = white_box(after["image"], threshold=200)
    if white is None:
        assert after["boxes"].shape[0] == 0
        return
    box = np.asarray(after["boxes"])[0]
    slack = 1.0
    assert (box[:2] <= white[:2] + slack).all() and (box[2:] >= white[2:] - slack).all()
    if not name.startswith("Rotate"):
        assert np.abs(box - white).max() <= 2.0


def test_box_that_leaves_the_image_is_dropped():
    """Level 10 moves by 250 pixels: nothing is left of a 60 pixel wide image."""
    after = moves.move_sample(sample(), seed(), 10, MOVES["TranslateX_BBox"])
    assert after["boxes"].shape[0] == 0
    assert_consistent(after)
    np.testing.assert_array_equal(np.asarray(after["image"]), 128.0)


def test_masks_and_keypoints_move_with_the_boxes():
    """After a turn each mask lies inside its box, and so does the box's centre."""
    before = sample([(16.0, 24.0, 26.0, 36.0)])
    after = moves.move_sample(before, seed(), 8, moves.rotation)
    assert_consistent(after)
    ys, xs = np.where(np.asarray(after["masks"])[0] > 0)
    box = np.asarray(after["boxes"])[0]
    assert box[0] <= ys.min() + 1 and ys.max() <= box[2]
    assert box[1] <= xs.min() + 1 and xs.max() <= box[3]
    center = np.asarray(after["keypoints"])[0, 0]
    np.testing.assert_allclose(center, (box[:2] + box[2:]) / 2, atol=1e-3)


@pytest.mark.parametrize(
    ("move", "there"),
    [
        # 3 in 10 of a level of 10, half of it at level 5: .15 x 20 rows = 3 columns.
        (moves.shear_x, [20, 40 + 3]),
        # .15 x 40 columns = 6 rows.
        (moves.shear_y, [20 + 6, 40]),
        (moves.translation_x(50), [20, 40 + 25]),
        (moves.translation_y(50), [20 + 25, 40]),
    ],
)
def test_move_of_a_point_by_hand(move, there):
    """Level 5 moves the point (20, 40) so far, either way."""
    found = set()
    for number in range(12):
        matrix = np.asarray(move(seed(number), 5, (40.0, 60.0)))
        found.add(tuple(np.round(matrix @ [20, 40, 1], 4)[:2]))
    forth, back = np.array(there), 2 * np.array([20, 40]) - there
    assert found == {tuple(map(float, forth)), tuple(map(float, back))}


def test_level_0_moves_nothing():
    for move in (moves.rotation, moves.shear_x, moves.translation_y(250)):
        before = sample()
        assert_equal(moves.move_sample(before, seed(), 0, move), before, atol=1e-5)


def test_pixels_alone_move_and_leave_gray():
    """By 2 pixels: a column 1, 2, 3 becomes 3, gray, gray or gray, gray, 1."""
    image = tf.constant([[[1.0] * 3], [[2.0] * 3], [[3.0] * 3]])
    operation = moves.move_pixels(moves.translation_y(2))
    found = {
        tuple(np.asarray(operation(image, seed(n), 10))[:, 0, 0]) for n in range(12)
    }
    assert found == {(3.0, 128.0, 128.0), (128.0, 128.0, 1.0)}
