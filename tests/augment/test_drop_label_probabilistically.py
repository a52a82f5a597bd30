"""DropLabelProbabilistically: one class, by its id in the label map."""

import numpy as np
import pytest
from augment_samples import assert_consistent, assert_equal, sample, seed

from od_api.augment.drop_label_probabilistically import DropLabelProbabilistically


def test_label_is_one_based():
    """Label 2 is class 1 inside: of classes 0 and 1 the first remains."""
    after = DropLabelProbabilistically(label=2)(sample(), seed())
    assert_consistent(after)
    np.testing.assert_array_equal(after["classes"], [0])
    np.testing.assert_allclose(after["boxes"], sample()["boxes"][:1])


def test_other_labels_stay():
    augment = DropLabelProbabilistically(label=3)
    assert_equal(augment(sample(), seed()), sample())


def test_probability_zero_is_never():
    augment = DropLabelProbabilistically(label=1, drop_probability=0)
    for number in range(20):
        assert_equal(augment(sample(), seed(number)), sample())


def test_each_box_is_drawn_on_its_own():
    """Of 100 boxes of the class about 30 are dropped."""
    before = sample(np.tile([8.0, 10.0, 24.0, 30.0], [100, 1]))
    before["classes"] *= 0
    augment = DropLabelProbabilistically(label=1, drop_probability=0.3)
    assert 15 <= 100 - augment(before, seed())["boxes"].shape[0] <= 45


def test_refused():
    with pytest.raises(ValueError, match="label is 0"):
        DropLabelProbabilistically()
