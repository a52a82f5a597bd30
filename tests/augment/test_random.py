"""Draws: within their ranges, the same for a seed, and the rare cases."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_equal, sample, seed

from od_api.augment import _random as random
from od_api.core.ranges import RangeError


def test_seeds_are_different_and_follow_from_one():
    first, again = random.seeds(seed(), 5), random.seeds(seed(), 5)
    assert len({tuple(np.asarray(s)) for s in first}) == 5
    np.testing.assert_array_equal(first, again)
    assert all(s.shape == (2,) and s.dtype == tf.int32 for s in first)


def test_uniform_fills_its_range():
    """1,000 draws of [-2, 3): both ends within .05, mean .5 within three deviations."""
    drawn = np.asarray(random.uniform(seed(), -2.0, 3.0, shape=[1000]))
    assert -2 <= drawn.min() < -1.95 and 2.95 < drawn.max() < 3
    assert abs(drawn.mean() - 0.5) < 3 * 5 / np.sqrt(12 * 1000)
    assert float(random.uniform(seed(), 4.0, 4.0)) == 4


def test_integer_never_reaches_its_end():
    drawn = {int(random.integer(seed(n), 3, 6)) for n in range(40)}
    assert drawn == {3, 4, 5}
    assert int(random.integer(seed(), 3, 3)) == int(random.integer(seed(), 3, 1)) == 3


@pytest.mark.parametrize(("probability", "least", "most"), [(0, 0, 0), (1, 40, 40)])
def test_chance_of_0_and_1(probability, least, most):
    hits = sum(bool(random.chance(seed(n), probability)) for n in range(40))
    assert least <= hits <= most


def test_chance_is_about_its_probability():
    """30 of 100, within three standard deviations of 4.6."""
    hits = sum(bool(random.chance(seed(n), 0.3)) for n in range(100))
    assert abs(hits - 30) <= 14


def test_apply_if_takes_all_or_nothing():
    """Per-box fields and image of the change, or those from before; the id stays."""
    before = sample()

    def change(s):
        return {**s, "image": s["image"] + 1, "boxes": s["boxes"] * 2}

    assert_equal(random.apply_if(tf.constant(False), change, before), before)
    assert_equal(random.apply_if(tf.constant(True), change, before), change(before))


def test_check_range_names_both_fields():
    random.check_range("low", 1, "high", 1)
    with pytest.raises(RangeError, match=r"low.*high"):
        random.check_range("low", 2, "high", 1)
    with pytest.raises(RangeError, match="low"):
        random.check_range("low", -1, "high", 1, at_least=0)
