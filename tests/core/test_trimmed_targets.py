"""Rows of ground truth that no image has are left out."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.core.trimmed_targets import trimmed

BOXES = np.arange(2 * 4 * 4).reshape(2, 4, 4)


@pytest.mark.parametrize(
    ("valid", "rows"),
    [
        ([[1, 1, 0, 0], [1, 0, 0, 0]], 2),
        ([[0, 0, 1, 0], [1, 0, 0, 0]], 3),
        ([[1, 1, 1, 1], [0, 0, 0, 0]], 4),
        ([[0, 0, 0, 0], [0, 0, 0, 0]], 1),
    ],
)
def test_as_many_rows_as_the_longest_image_has(valid, rows):
    targets = kit.make_targets(BOXES, valid=valid).with_longest()
    short = trimmed(targets)
    for name in ("boxes", "classes", "weights", "valid"):
        np.testing.assert_array_equal(
            getattr(short, name), getattr(targets, name)[:, :rows]
        )
    assert short.boxes.shape[1] == rows


def test_ignored_boxes_are_trimmed_with_the_rest():
    valid = [[1, 1, 0, 0], [1, 0, 0, 0]]
    targets = kit.make_targets(BOXES, valid=valid).with_longest()
    assert trimmed(targets).ignored is None
    ignored = targets._replace(ignored=tf.logical_not(targets.valid))
    assert trimmed(ignored).ignored.shape == (2, 2)


def test_without_longest_nothing_but_an_absent_row_changes():
    targets = kit.make_targets(BOXES, valid=[[1, 0, 0, 0], [0, 0, 0, 0]])
    assert trimmed(targets).boxes.shape[1] == 4
    none = kit.make_targets(np.zeros([2, 0, 4]))
    assert trimmed(none).boxes.shape[1] == 1
    assert trimmed(none.with_longest()).boxes.shape[1] == 1


def test_unknown_numbers_of_boxes():
    @tf.function(input_signature=[tf.TensorSpec([2, None, 4])])
    def rows(boxes):
        valid = tf.ones(tf.shape(boxes)[:2], tf.bool)
        targets = kit.make_targets(BOXES)._replace(
            boxes=boxes,
            valid=valid,
            classes=tf.cast(valid, tf.int32),
            weights=tf.cast(valid, tf.float32),
        )
        return tf.shape(trimmed(targets.with_longest()).boxes)[1]

    assert [int(rows(tf.zeros([2, n, 4]))) for n in (0, 1, 3)] == [1, 1, 3]
