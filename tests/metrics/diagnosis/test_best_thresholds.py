import numpy as np
import pytest

from od_api.metrics.diagnosis.best_thresholds import best_threshold


def test_the_greatest_f1_by_hand():
    """Right, right, wrong, right of four objects: F1 is 2/5, 4/6, 4/7, 6/8."""
    scores, hits = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 1, 0, 1], bool)
    best = best_threshold(scores, hits, 4)
    assert best == (0.6, pytest.approx(0.75), 0.75, 0.75)
    best = best_threshold(scores[:3], hits[:3], 4)
    assert best == (0.8, pytest.approx(4 / 6), 1.0, 0.5)


def test_equal_scores_are_shown_together():
    """The first alone would have F1 1, but its score is that of a wrong one."""
    best = best_threshold(np.array([0.5, 0.5]), np.array([True, False]), 1)
    assert best == (0.5, pytest.approx(2 / 3), 0.5, 1.0)


def test_the_order_of_detections_does_not_count():
    scores, hits = np.array([0.1, 0.9, 0.5]), np.array([False, True, True])
    assert best_threshold(scores, hits, 2) == (0.5, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("scores", "hits", "total"), [([], [], 3), ([0.5], [0], 3), ([0.5], [0], 0)]
)
def test_there_may_be_none(scores, hits, total):
    assert best_threshold(np.array(scores), np.array(hits, bool), total) is None
