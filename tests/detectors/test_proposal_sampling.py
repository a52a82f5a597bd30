"""Which proposals are trained on."""

import numpy as np
import tensorflow as tf
import two_stage_kit as kit

from od_api.core.types import Detections


def proposals(boxes, count):
    boxes = tf.constant(boxes, tf.float32)[None]
    rows = boxes.shape[1]
    return Detections(
        boxes=boxes,
        scores=tf.ones([1, rows]),
        classes=tf.zeros([1, rows], tf.int32),
        count=tf.constant([count]),
        anchor_indices=tf.range(rows)[None],
    )


def sampling(add_ground_truth):
    return kit.detector(
        "faster_rcnn",
        f"""first_stage_max_proposals: 8 second_stage_batch_size: 4
        add_ground_truth_to_proposals: {str(add_ground_truth).lower()}""",
    ).sampling


def truth(boxes, weights=None):
    whole = kit.targets(batch=1, boxes_each=len(boxes))
    return whole._replace(
        boxes=tf.constant(boxes, tf.float32)[None],
        weights=tf.constant(weights or [1.0] * len(boxes))[None],
    )


BOXES = [[10 * i, 0, 10 * i + 8, 8] for i in range(8)]


def test_a_quarter_is_positive_and_padding_is_never_taken():
    """8 boxes, 5 of them real, 3 of those on objects: 1 positive and 2 negatives."""
    found = sampling(False).sample(
        proposals(BOXES, count=5), truth(BOXES[:3]), kit.SEED
    )
    assert found.boxes.shape == (1, 4, 4)
    assert found.count.numpy() == [3]
    taken = found.anchor_indices.numpy()[0, :3]
    assert sum(i < 3 for i in taken) == 1
    assert set(taken[taken >= 3]) == {3, 4}
    np.testing.assert_array_equal(found.boxes[0, 3], np.zeros(4))


def test_ground_truth_joins_where_nothing_else_fits():
    found = sampling(True).sample(
        proposals(BOXES[3:], count=5), truth(BOXES[:1]), kit.SEED
    )
    np.testing.assert_array_equal(
        np.sort(found.boxes.numpy()[0, :, 0])[:1], [BOXES[0][0]]
    )
    assert found.count.numpy() == [4]


def test_boxes_on_ground_truth_of_weight_0_are_neither():
    found = sampling(False).sample(
        proposals(BOXES, count=8), truth(BOXES[:6], weights=[0.0] * 6), kit.SEED
    )
    assert found.count.numpy() == [2]
    assert set(found.anchor_indices.numpy()[0, :2]) == {6, 7}
