"""Each ground-truth box gets one anchor of its own."""

import kit
import numpy as np
import tensorflow as tf

from od_api.assigners.bipartite_matcher import BipartiteMatcher
from od_api.similarities.iou_similarity import IouSimilarity


def assign(values, valid=None, weights=None):
    """`Assignment` of images with these [B, G, A] similarities."""
    values = np.float32(values)
    matcher = BipartiteMatcher(similarity=lambda *_: tf.constant(values))
    targets = kit.make_targets(np.ones([*values.shape[:2], 4]), valid, weights)
    return matcher.assign(tf.zeros([values.shape[2], 4]), targets)


def test_greedy_is_not_optimal():
    """.9 goes first, which leaves .1 for box 1, though .8 + .7 would be more."""
    result = assign([[[0.9, 0.8, 0.0], [0.7, 0.1, 0.0]]])
    np.testing.assert_array_equal(result.label, [[1, 1, 0]])
    np.testing.assert_array_equal(result.gt_index, [[0, 1, 0]])
    np.testing.assert_allclose(result.quality, [[0.9, 0.1, 0.0]])


def test_a_box_without_overlap_still_gets_an_anchor():
    """Boxes 1 and 2 overlap nothing: they get the first anchors left, in order."""
    result = assign([[[0, 0, 0.5, 0], [0, 0, 0, 0], [0, 0, 0, 0]]])
    np.testing.assert_array_equal(result.label, [[1, 1, 1, 0]])
    np.testing.assert_array_equal(result.gt_index, [[1, 2, 0, 0]])


def test_padding_and_weight_0_get_none():
    values = [[[0.9, 0.1], [0.8, 0.7], [0.3, 0.2]]] * 2
    result = assign(
        values,
        valid=[[0, 1, 1], [1, 1, 1]],
        weights=[[1, 1, 0], [0, 0, 1]],
    )
    np.testing.assert_array_equal(result.label, [[1, 0], [1, 0]])
    np.testing.assert_array_equal(result.gt_index, [[1, 0], [2, 0]])


def test_more_boxes_than_anchors():
    result = assign([[[0.1, 0.2], [0.5, 0.4], [0.3, 0.9]]])
    np.testing.assert_array_equal(result.gt_index, [[1, 2]])


def reference(values, eligible):
    """Owner of each anchor of one image, pair by pair, -1 for none."""
    owner = np.full(values.shape[1], -1)
    left = np.where(eligible[:, None], values, -1.0)
    while left.max(initial=-1.0) >= 0:
        row, column = np.unravel_index(left.argmax(), left.shape)
        owner[column] = row
        left[row], left[:, column] = -1.0, -1.0
    return owner


def test_random_batch_against_a_loop():
    """Multiples of 1/20, so that ties occur."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 20, (10, 12, 20)) / 20
    valid, weights = rng.uniform(size=(2, 10, 12)) < 0.8
    result = assign(values, valid, weights)
    for i in range(10):
        owner = reference(np.float32(values[i]), valid[i] & weights[i])
        np.testing.assert_array_equal(result.label[i], owner >= 0)
        np.testing.assert_array_equal(result.gt_index[i], np.maximum(owner, 0))


def test_a_chain_takes_one_round_for_each_box():
    """Box i prefers anchor i to i + 1, box 0 most of all: the slowest case there is."""
    count = 15
    values = np.zeros([1, count, count])
    for i in range(count):
        values[0, i, i] = 0.9 - 0.02 * i
        if i:
            values[0, i, i - 1] = 0.9 - 0.02 * i + 0.01
    result = assign(values)
    np.testing.assert_array_equal(result.gt_index[0], np.arange(count))


def test_nan_similarities_end():
    """A broken box must not hang the training; which anchor it gets is open."""
    result = assign([[[np.nan, np.nan], [0.5, 0.2]]])
    assert result.label.shape == (1, 2)


def test_kit():
    kit.check_assigner(BipartiteMatcher(similarity=IouSimilarity()))
