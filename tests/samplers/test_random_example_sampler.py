"""All positives, and negatives at random."""

import kit
import numpy as np
import pytest

from od_api.core.errors import UserError
from od_api.samplers.random_example_sampler import RandomExampleSampler

LABEL = np.array([[1] * 5 + [0] * 95, [1] + [0] * 97 + [-1] * 2, [0] * 100])


def test_counts():
    """Fraction 0.2 is four negatives for each positive; none without positives."""
    weights = RandomExampleSampler(positive_sample_fraction=0.2).sample(
        kit.make_assignment(LABEL), seed=kit.SEED
    )
    assert (weights.numpy()[LABEL == 1] == 1).all()
    np.testing.assert_array_equal(np.sum(weights * (LABEL == 0), axis=1), [20, 4, 0])


def test_too_few_negatives():
    """Fraction 0.01 asks for 99 negatives a positive; all that there are, are kept."""
    weights = RandomExampleSampler().sample(kit.make_assignment(LABEL), seed=kit.SEED)
    np.testing.assert_array_equal(np.sum(weights, axis=1), [100, 98, 0])


def test_seeds_differ():
    sampler = RandomExampleSampler(positive_sample_fraction=0.2)
    assignment = kit.make_assignment(LABEL)
    one, other = (sampler.sample(assignment, seed=(0, i)).numpy() for i in range(2))
    assert (one != other).any()


def test_every_negative_is_as_likely():
    """1000 draws of 4 of 97: each is expected 41.2 times, standard deviation 6.3."""
    sampler = RandomExampleSampler(positive_sample_fraction=0.2)
    label = np.repeat(LABEL[1:2], 1000, axis=0)
    weights = sampler.sample(kit.make_assignment(label), seed=kit.SEED).numpy()
    drawn = weights.sum(axis=0)[1:98]
    assert drawn.sum() == 4000
    assert drawn.min() > 41.2 - 6 * 6.3
    assert drawn.max() < 41.2 + 6 * 6.3


def test_seed_is_needed():
    with pytest.raises(UserError, match="needs a seed"):
        RandomExampleSampler().sample(kit.make_assignment(LABEL))


@pytest.mark.parametrize("fraction", [0.0, 1.5])
def test_fraction_out_of_range(fraction):
    with pytest.raises(ValueError, match="positive_sample_fraction is"):
        RandomExampleSampler(positive_sample_fraction=fraction)


def test_kit():
    kit.check_sampler(RandomExampleSampler(positive_sample_fraction=0.3))
