"""One box after the other: scores change, the next best is taken."""

import numpy as np
import tensorflow as tf
from suppression_kit import kept

from od_api.suppressions._one_at_a_time import OneAtATime


class Halving(OneAtATime):
    """Each kept box halves the scores of those whose `place` is its own or one more."""

    columns = ("place",)

    def factor(self, kept, others):
        apart = (others.columns["place"] - kept.columns["place"])[..., 0]
        return tf.where((apart == 0.0) | (apart == 1.0), 0.5, 1.0)


BOXES = np.zeros([4, 4], np.float32)
SCORES = [0.8, 0.75, 0.5, 0.25]
PLACES = {"place": [[0.0], [1.0], [5.0], [2.0]]}


def test_the_next_is_the_best_of_the_changed_scores():
    """.8 makes .375 of .75, which comes after .5, and then makes .125 of .25."""
    found = kept(Halving(), BOXES, SCORES, PLACES)
    assert found == [(0, np.float32(0.8)), (2, 0.5), (1, 0.375), (3, 0.125)]


def test_what_falls_to_the_floor_is_gone():
    found = kept(Halving(), BOXES, SCORES, PLACES, floor=0.375)
    assert [row for row, _ in found] == [0, 2]


def test_limit_ends_the_loop():
    assert [row for row, _ in kept(Halving(), BOXES, SCORES, PLACES, limit=2)] == [0, 2]


def test_equal_scores_go_by_row():
    """Row 1 comes first and halves row 3, which then is as good as rows 0 and 2."""
    found = kept(Halving(), BOXES, [0.5, 1.0, 0.5, 1.0], PLACES)
    assert [row for row, _ in found] == [1, 0, 2, 3]


def test_lists_of_a_batch_end_where_they_end():
    boxes = np.zeros([2, 1, 4, 4], np.float32)
    scores = np.float32([[SCORES], [[0, 0, 0, 0.3]]])
    places = np.float32(PLACES["place"])[None, None].repeat(2, axis=0)
    found = Halving().suppress(boxes, scores, {"place": places}, 3, 0.0)
    np.testing.assert_array_equal(found.rows[:, 0], [[0, 2, 1], [3, 0, 0]])
    assert (found.scores.numpy()[1, 0, 1:] == -np.inf).all()


class Removing(OneAtATime):
    """Each kept box removes all others."""

    def factor(self, kept, others):
        return tf.zeros(tf.shape(others.boxes)[:-1])


def test_what_is_removed_stays_so_where_scores_are_below_0():
    """-2 times 0 is above the floor of -3."""
    assert kept(Removing(), BOXES, [-2.0, -1.0, -2.5, -1.5], {}, floor=-3.0) == [
        (1, np.float32(-1.0))
    ]
