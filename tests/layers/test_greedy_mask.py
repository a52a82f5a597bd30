"""Greedy suppression of a batch, as a mask: by hand and as TensorFlow's own op."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_graph, random_boxes

from od_api.layers.greedy_mask import BLOCK, greedy_mask, overlap_removes


def greedy_nms_mask(boxes, iou_threshold, enough):
    return greedy_mask(boxes, overlap_removes(iou_threshold), enough)


def never(mask, seen):
    return tf.constant(False)


def test_by_hand():
    """IoU of 1 and 2 is 50 / 150; 3 overlaps 2 alone, which 1 removes: 3 stays."""
    boxes = tf.constant([[[0.0, 0, 10, 10], [0, 5, 10, 15], [0, 10, 10, 20]]])
    mask = check_graph(lambda x: greedy_nms_mask(x, 0.3, never), boxes)
    assert mask.numpy().tolist() == [[True, False, True]]
    assert np.all(greedy_nms_mask(boxes, 0.34, never))


def test_equal_boxes_leave_the_first_and_empty_ones_stay():
    """A box of size 0 overlaps nothing, not even its equal."""
    boxes = tf.constant([[[0.0, 0, 4, 4], [0, 0, 4, 4], [1, 1, 1, 1], [1, 1, 1, 1]]])
    mask = greedy_nms_mask(boxes, 0.5, never)
    assert mask.numpy().tolist() == [[True, False, True, True]]


@pytest.mark.parametrize("count", [1, 127, 300])
@pytest.mark.parametrize("jit_compile", [None, True])
def test_as_tensorflow_has_it(count, jit_compile):
    """More boxes than a block, two images, crowded: the same boxes survive."""
    boxes = random_boxes(np.random.default_rng(count), 2, count, size=30.0)
    mask = tf.function(
        lambda x: greedy_nms_mask(x, 0.4, never), jit_compile=jit_compile
    )(tf.constant(boxes))
    assert mask.shape == (2, count)
    for its_mask, its_boxes in zip(mask.numpy(), boxes, strict=True):
        falling = np.linspace(1, 0.5, count, dtype=np.float32)
        kept = tf.image.non_max_suppression(its_boxes, falling, count, 0.4)
        np.testing.assert_array_equal(np.flatnonzero(its_mask), np.sort(kept))


def test_work_ends_when_there_is_enough():
    """Of three blocks only the first is looked at; what follows is False."""
    apart = 10.0 * np.arange(3 * BLOCK, dtype=np.float32)
    boxes = np.stack([apart, apart, apart + 5, apart + 5], axis=-1)[None]
    mask = greedy_nms_mask(tf.constant(boxes), 0.5, lambda mask, seen: seen >= BLOCK)
    assert np.all(mask[:, :BLOCK])
    assert not np.any(mask[:, BLOCK:])


def test_no_boxes():
    assert greedy_nms_mask(tf.zeros([2, 0, 4]), 0.5, never).shape == (2, 0)
