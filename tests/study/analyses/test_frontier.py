"""The optimality frontier and its critical points, by hand."""

import random

import pytest
import results_kit

from od_api.study.analyses.frontier import (
    critical_points,
    frontier,
    height_above_chord,
    measured_both,
)
from od_api.study.analyses.models import Model
from od_api.study.analyses.results import study_of


def _models(*pairs):
    return [
        Model(f"{time}:{accuracy}", "SSD", "VGG-16", map=accuracy, time_ms=time)
        for time, accuracy in pairs
    ]


def test_frontier_of_the_twelve_cells():
    """The table in results_kit.py says which are on it."""
    best = frontier(study_of(results_kit.results()).models)
    assert [m.name for m in best] == results_kit.FRONTIER


def test_critical_points_of_the_twelve_cells():
    """Scaled by 230 ms and 16 points of mAP between (20, 19) and (250, 35).

    Heights: (45, 24) 5/16 - 25/230 = .204; (76, 27) .5 - 56/230 = .257;
    (80, 29) 10/16 - 60/230 = .364; (100, 30) 11/16 - 80/230 = .340;
    (120, 31) .75 - 100/230 = .315; (150, 33) 14/16 - 130/230 = .310.
    """
    models = study_of(results_kit.results()).models
    points = critical_points(models)
    assert points.fastest.name == "ssd_mobilenet_v1_300"
    assert points.sweet_spot.name == "faster_resnet101_300@100"
    assert points.most_accurate.name == "faster_resnet101_600_s8"
    heights = [
        round(height_above_chord(m, frontier(models)), 3) for m in frontier(models)
    ]
    assert heights == [0, 0.204, 0.257, 0.364, 0.340, 0.315, 0.310, 0]


def test_of_equally_fast_models_the_more_accurate_is_kept():
    assert [m.map for m in frontier(_models((10, 20), (10, 30), (5, 1)))] == [1, 30]


def test_of_equally_accurate_models_the_faster_is_kept():
    assert [m.time_ms for m in frontier(_models((20, 30), (10, 30)))] == [10]


def test_a_frontier_below_its_chord_has_no_sweet_spot():
    """(60, 20) is scaled (.556, .1): below the line from first to last."""
    assert critical_points(_models((10, 18), (60, 20), (100, 38))).sweet_spot is None


@pytest.mark.parametrize("pairs", [[(10, 20)], [(10, 20), (30, 10)]])
def test_one_model_is_fastest_and_most_accurate(pairs):
    points = critical_points(_models(*pairs))
    assert points.fastest is points.most_accurate and points.sweet_spot is None


def test_without_models_there_are_no_points():
    unmeasured = _models((None, 20), (10, None))
    assert critical_points(unmeasured) == (None, None, None)


def test_frontier_is_what_nothing_beats():
    """Against the definition, model by model, and whatever the order."""
    draw = random.Random(7)
    for _ in range(50):
        pairs = {(draw.randint(1, 30), draw.randint(1, 30)) for _ in range(20)}
        models = _models(*pairs)
        kept = frontier(models)
        assert kept == frontier(models[::-1])
        for model in measured_both(models):
            others = [m for m in models if m is not model]
            beaten = any(
                m.time_ms <= model.time_ms and m.map >= model.map for m in others
            )
            assert (model in kept) != beaten
