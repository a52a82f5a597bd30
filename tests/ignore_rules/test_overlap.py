"""Which priors are near some boxes, by hand, and against loops."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from rule_kit import flags, truth

from od_api.core.ranges import RangeError
from od_api.ignore_rules._overlap import Overlap
from od_api.similarities.ioa_similarity import IoaSimilarity
from od_api.similarities.iou_similarity import IouSimilarity
from od_api.similarities.neg_sq_dist_similarity import NegSqDistSimilarity

BOX = [0.0, 0, 10, 10]
# Shares of their own area inside the box: .5 exactly, .51, 1, 0; IoU .05, ..., .01, 0.
PRIORS = [[5.0, 0, 15, 1], [4.9, 0, 14.9, 1], [1, 1, 2, 2], [20, 20, 30, 30]]
ONE = tf.constant([[True]])


def test_the_share_of_a_prior():
    left_out = Overlap(IoaSimilarity(), 0.5, False).left_out(PRIORS, truth([BOX]), ONE)
    assert flags(left_out.negatives) == [0, 1, 1, 0]
    assert left_out.priors is None and left_out.objects is None


def test_positives_too():
    left_out = Overlap(IoaSimilarity(), 0.5, True).left_out(PRIORS, truth([BOX]), ONE)
    assert flags(left_out.priors) == [0, 1, 1, 0] and left_out.negatives is None


def test_points_overlap_what_they_are_strictly_inside_of():
    points = [
        [y, x, y, x] for y, x in ((5.0, 5), (0, 5), (10, 10), (9.9, 0.1), (3, 11))
    ]
    for similarity in (IoaSimilarity(), IouSimilarity()):
        left_out = Overlap(similarity, 0.5, False).left_out(points, truth([BOX]), ONE)
        assert flags(left_out.negatives) == [1, 0, 0, 1, 0]


def test_only_the_boxes_that_are_named():
    targets = truth([BOX, [20, 20, 30, 30]])
    overlap = Overlap(IouSimilarity(), 0.5, False)
    for boxes, near in (([0, 1], [0, 0, 0, 1]), ([0, 0], [0, 0, 0, 0])):
        boxes = tf.constant(np.array([boxes], bool))
        assert flags(overlap.left_out(PRIORS, targets, boxes).negatives) == near


@pytest.mark.parametrize("case", kit.target_cases())
def test_against_loops(case):
    targets = kit.target_cases()[case]
    priors = kit.random_boxes(np.random.default_rng(5), 30)
    boxes = tf.logical_and(targets.valid, targets.weights > 0)
    overlap = Overlap(IoaSimilarity(), 0.2, False)

    def near(*priors):
        return overlap.left_out(priors[0], targets.with_longest(), boxes).negatives

    wanted = np.zeros([2, 30], bool)
    for image in range(2):
        for i, prior in enumerate(priors):
            for box, counts in zip(targets.boxes[image], boxes[image], strict=True):
                low, high = (
                    np.maximum(prior[:2], box[:2]),
                    np.minimum(prior[2:], box[2:]),
                )
                inside = np.prod(np.maximum(high - low, 0))
                share = inside / np.prod(prior[2:] - prior[:2])
                wanted[image, i] |= bool(counts) and share > 0.2
    np.testing.assert_array_equal(kit.check_graph(near, tf.constant(priors)), wanted)
    own = tf.stack([priors, priors])
    np.testing.assert_array_equal(near(own), wanted)


def test_xla_has_it():
    run = tf.function(
        lambda priors: (
            Overlap(IoaSimilarity(), 0.5, False)
            .left_out(priors, truth([BOX]), ONE)
            .negatives
        ),
        jit_compile=True,
    )
    assert flags(run(tf.constant(PRIORS))) == [0, 1, 1, 0]


def test_what_is_no_share_is_refused():
    with pytest.raises(RangeError, match="use iou_similarity or ioa_similarity"):
        Overlap(NegSqDistSimilarity(), 0.5, False)
    with pytest.raises(RangeError, match=r"limit is 1.5; it must be in 0..1"):
        Overlap(IouSimilarity(), 1.5, False)
