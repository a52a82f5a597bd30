"""Rules that leave priors out, added up."""

import numpy as np
import tensorflow as tf

from od_api.core.types import Assignment, LeftOut
from od_api.ignore_rules.ignored_overlap import IgnoredOverlap
from od_api.objectives._leaving_out import LeavingOut

ASSIGNMENT = Assignment(
    gt_index=tf.constant([[0, 1, 0, 0]]),
    label=tf.constant([[1, 1, 0, 0]]),
    quality=tf.zeros([1, 4]),
)


def labels(*rules):
    given = [lambda priors, targets, rule=rule: rule for rule in rules]
    leaving_out = LeavingOut(given)
    leaving_out.rules = given
    return leaving_out.assigned(ASSIGNMENT, None, None).label.numpy().tolist()


def test_objects_negatives_and_priors():
    assert labels() == labels(LeftOut()) == [[1, 1, 0, 0]]
    assert labels(LeftOut(objects=tf.constant([[False, True]]))) == [[1, -1, 0, 0]]
    every = tf.constant([[True, False, True, False]])
    assert labels(LeftOut(negatives=every)) == [[1, 1, -1, 0]]
    assert labels(LeftOut(priors=every)) == [[-1, 1, -1, 0]]
    assert labels(LeftOut(priors=tf.constant([[True]]))) == [[-1] * 4]


def test_rules_add_up():
    first = LeftOut(negatives=tf.constant([[False, False, True, False]]))
    second = LeftOut(
        negatives=tf.constant([[False, False, False, True]]),
        objects=tf.constant([[True, False]]),
    )
    assert labels(first, second) == [[-1, 1, -1, -1]]


def test_ignored_ground_truth_always_has_a_rule():
    (default,) = LeavingOut().rules
    assert isinstance(default, IgnoredOverlap)
    own = IgnoredOverlap(limit=0.9)
    assert LeavingOut([own]).rules == [own]
    other = lambda priors, targets: LeftOut()  # noqa: E731
    assert [type(rule) for rule in LeavingOut([other]).rules[1:]] == [IgnoredOverlap]


def test_either_side_may_leave_nothing_out():
    some = LeftOut(priors=tf.constant([[True, False]]))
    np.testing.assert_array_equal(LeftOut().plus(some).priors, [[True, False]])
    np.testing.assert_array_equal(some.plus(LeftOut()).priors, [[True, False]])
