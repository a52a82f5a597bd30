import numpy as np
import pytest

from od_api.metrics.diagnosis.calibration import calibration
from od_api.metrics.diagnosis.class_matches import ClassMatches


def matches(scores, hits, ignored=None):
    count = len(scores)
    ignored = np.zeros(count, bool) if ignored is None else np.array(ignored, bool)
    return ClassMatches(
        1,
        np.zeros(count, int),
        np.array(scores, float),
        np.array([hits], bool).reshape(1, count),
        ignored[None],
        np.ones(1, int),
    )


def test_the_error_by_hand():
    """Two of score .95 of which one is right: .45 away; two of .25, none right."""
    found = calibration([matches([0.95, 0.95], [1, 0]), matches([0.25, 0.25], [0, 0])])
    assert found["error"] == pytest.approx((2 * 0.45 + 2 * 0.25) / 4)
    filled = [b for b in found["bins"] if b["count"]]
    assert [(b["low"], b["high"], b["count"]) for b in filled] == [
        (0.2, pytest.approx(0.3), 2),
        (0.9, 1.0, 2),
    ]
    assert [b["right"] for b in filled] == [0.0, 0.5]
    assert found["bins"][0] == {
        **{"low": 0.0, "high": 0.1, "count": 0},
        **{"score": None, "right": None},
    }


def test_a_score_of_1_is_in_the_last_bin():
    assert calibration([matches([1.0], [1])])["bins"][-1]["count"] == 1
    assert calibration([matches([1.0], [1])])["error"] == 0.0


def test_detections_of_crowds_do_not_count():
    found = calibration([matches([0.9, 0.9], [1, 0], [0, 1])])
    assert found["error"] == pytest.approx(0.1)


@pytest.mark.parametrize("scores", [[], [1.5], [-0.1, 0.5]])
def test_what_is_no_probability_has_none(scores):
    assert calibration([matches(scores, [0] * len(scores))]) is None
