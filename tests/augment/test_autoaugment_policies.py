"""The AutoAugment policies: as published, and each of them on a sample."""

import pytest
from augment_samples import (
    assert_consistent,
    sample,
    seed,
)

from od_api.augment import _autoaugment_pixels as pixels
from od_api.augment import autoaugment_image
from od_api.augment._autoaugment_policies import POLICIES


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_policy(name):
    """Every sub-policy of every policy runs and keeps the sample consistent."""
    augment = autoaugment_image.AutoAugmentImage()
    for sub_policy in POLICIES[name]:
        for before in (sample(), sample(boxes=[])):
            after = {**before, "image": pixels.whole(before["image"])}
            for operation, _, level in sub_policy:
                after = augment._apply(after, seed(3), operation, 1.0, level)
            assert after.keys() == before.keys()
            assert_consistent(after)


def test_sizes_of_the_published_policies():
    """5 sub-policies of two operations in v0, 20 in v1; 15 in v2 and v3."""
    sizes = {name: len(policy) for name, policy in POLICIES.items()}
    assert sizes == {"v0": 5, "v1": 20, "v2": 15, "v3": 15, "test": 1}
    assert POLICIES["v1"][:5] == POLICIES["v0"]
    assert all(len(sub) == 2 for name in ("v0", "v1", "v3") for sub in POLICIES[name])


def test_operations_exist_and_numbers_are_in_range():
    for policy in POLICIES.values():
        for name, probability, level in (entry for sub in policy for entry in sub):
            assert name in autoaugment_image.NAMES
            assert 0 <= probability <= 1 and level in range(11)
