"""The records: padding behind the longest, priors of any box, rows of ground truth."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_graph, make_targets, random_boxes

from od_api.core.types import (
    Assignment,
    Predictions,
    Priors,
    as_priors,
    prior_boxes,
)


@pytest.mark.parametrize(
    ("valid", "longest"),
    [
        ([[1, 1, 0, 0], [1, 0, 0, 0]], 2),
        # A hole does not end an image's boxes.
        ([[1, 0, 1, 0], [0, 0, 0, 0]], 3),
        ([[0, 0, 0, 0], [0, 0, 0, 0]], 0),
        ([[1, 1, 1, 1], [0, 0, 0, 0]], 4),
    ],
)
def test_behind_the_longest_all_is_padding(valid, longest):
    targets = make_targets(np.ones([2, 4, 4]), valid=valid)
    assert targets.longest is None
    assert int(targets.with_longest().longest) == longest


def test_objects_are_what_is_neither_padding_nor_ignored():
    targets = make_targets(np.ones([1, 3, 4]), valid=[[1, 1, 0]])
    assert targets.objects.numpy().tolist() == [[True, True, False]]
    ignoring = targets._replace(ignored=tf.constant([[True, False, False]]))
    assert ignoring.objects.numpy().tolist() == [[False, True, False]]


def test_without_a_row_the_longest_is_0():
    assert int(make_targets(np.zeros([2, 0, 4])).with_longest().longest) == 0


@pytest.mark.parametrize("shape", [(5,), (2, 5), (0,)])
def test_boxes_are_priors_of_stride_0(shape):
    boxes = random_boxes(np.random.default_rng(0), *shape)
    priors = check_graph(as_priors, tf.constant(boxes))
    np.testing.assert_array_equal(priors.boxes, boxes)
    assert priors.strides.shape == (shape[-1], 2) and not np.any(priors.strides)
    assert priors.levels.shape == shape[-1:] and priors.levels.dtype == tf.int32
    assert priors.valid.shape == shape and np.all(priors.valid)
    assert as_priors(priors) is priors


def test_boxes_of_priors_or_of_nothing_else():
    half = tf.constant([[0, 0, 1, 2]], tf.float16)
    assert prior_boxes(half).dtype == tf.float32
    np.testing.assert_array_equal(prior_boxes(as_priors(half)), [[0, 0, 1, 2]])


def test_priors_for_codes_broadcast_against_them():
    """Codes [B, A, Q, D] = [2, 5, 3, 4]."""
    boxes = random_boxes(np.random.default_rng(0), 2, 5)
    priors = as_priors(boxes)._replace(levels=tf.range(5))
    wide = priors.for_codes()
    codes = tf.zeros([2, 5, 3, 4])
    np.testing.assert_array_equal((codes + wide.boxes)[:, :, 2], boxes)
    assert (codes[..., 0] + wide.strides[..., 0]).shape == (2, 5, 3)
    levels = tf.zeros([2, 5, 3], tf.int32) + wide.levels
    np.testing.assert_array_equal(levels[1, :, 2], range(5))
    assert isinstance(wide, Priors) and wide.valid.shape == (2, 5, 1)


def test_all_columns_tell_the_level_and_the_place_of_each_prior():
    boxes = random_boxes(np.random.default_rng(0), 3)
    predictions = Predictions(
        class_logits=tf.zeros([2, 3, 5]),
        box_codes=None,
        boxes=None,
        priors=as_priors(boxes)._replace(levels=tf.constant([0, 0, 1])),
        columns={"iou": tf.ones([2, 3, 1])},
        image_shape=None,
        true_shapes=None,
    )
    columns = predictions.all_columns()
    assert columns["level"].numpy()[..., 0].tolist() == [[0, 0, 1]] * 2
    assert columns["prior"].numpy()[..., 0].tolist() == [[0, 1, 2]] * 2
    assert set(columns) == {"iou", "level", "prior"}
    assert set(predictions.columns) == {"iou"}


def test_take_gives_each_prior_its_row():
    """Image 0 takes rows 1, 0, 1 and image 1 rows 0, 0, 1."""
    index = tf.constant([[1, 0, 1], [0, 0, 1]])
    assignment = Assignment(index, tf.ones_like(index), tf.zeros([2, 3]))
    rows = tf.constant([[[10.0, 1], [20, 2]], [[30, 3], [40, 4]]])
    taken = check_graph(assignment.take, rows)
    assert taken[..., 0].numpy().tolist() == [[20, 10, 20], [30, 30, 40]]
    assert assignment.take(rows[..., 1]).numpy().tolist() == [[2, 1, 2], [3, 3, 4]]


@pytest.mark.parametrize("rank", [2, 3])
def test_take_of_no_rows_is_0(rank):
    index = tf.zeros([2, 3], tf.int32)
    assignment = Assignment(index, tf.zeros_like(index), tf.zeros([2, 3]))
    taken = assignment.take(tf.ones([2, 0, 4][:rank]))
    assert taken.shape == [2, 3, 4][:rank] and not np.any(taken)
