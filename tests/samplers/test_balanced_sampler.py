"""A mini-batch with a set share of positives."""

import kit
import numpy as np
import pytest

from od_api.core.errors import UserError
from od_api.samplers.balanced_sampler import BalancedSampler

LABEL = np.array(
    [
        [1] * 40 + [0] * 60,
        [1] * 3 + [0] * 97,
        [1] * 95 + [0] * 5,
        [0] * 100,
        [1] * 10 + [0] * 10 + [-1] * 80,
    ]
)


def test_counts():
    """Size 20, half positive at most: 10 + 10, 3 + 17, 10 + 5, 0 + 20, 10 + 10."""
    sampler = BalancedSampler(batch_size=20)
    weights = sampler.sample(kit.make_assignment(LABEL), seed=kit.SEED).numpy()
    np.testing.assert_array_equal(
        (weights * (LABEL == 1)).sum(axis=1), [10, 3, 10, 0, 10]
    )
    np.testing.assert_array_equal(
        (weights * (LABEL == 0)).sum(axis=1), [10, 17, 5, 20, 10]
    )


def test_share():
    """A quarter of 64 is 16."""
    sampler = BalancedSampler(batch_size=64, positive_fraction=0.25)
    weights = sampler.sample(kit.make_assignment(LABEL[:1]), seed=kit.SEED).numpy()
    assert weights[0, :40].sum() == 16
    assert weights.sum() == 64


def test_positives_and_negatives_are_drawn_apart():
    """One seed for both would draw the same places of two equal halves."""
    label = np.array([[1] * 50 + [0] * 50])
    weights = BalancedSampler(batch_size=20).sample(
        kit.make_assignment(label), seed=kit.SEED
    )
    assert (weights.numpy()[0, :50] != weights.numpy()[0, 50:]).any()


def test_images_are_drawn_apart():
    label = np.repeat(LABEL[:1], 2, axis=0)
    weights = BalancedSampler(batch_size=20).sample(
        kit.make_assignment(label), seed=kit.SEED
    )
    assert (weights.numpy()[0] != weights.numpy()[1]).any()


def test_seed_is_needed():
    with pytest.raises(UserError, match="needs a seed"):
        BalancedSampler(batch_size=4).sample(kit.make_assignment(LABEL))


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"batch_size": 8, "positive_fraction": 1.5}]
)
def test_bad_options(options):
    with pytest.raises(ValueError, match=r"batch_size is 0|positive_fraction is 1.5"):
        BalancedSampler(**options)


def test_kit():
    kit.check_sampler(BalancedSampler(batch_size=16, positive_fraction=0.25))
