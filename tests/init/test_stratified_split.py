"""Splits: their size, that groups stay whole, and classes in both parts."""

import random

import pytest

from od_api.core.errors import UserError
from od_api.init.stratified_split import split


def of_parts(groups, chosen):
    """(classes to train on, classes to evaluate on)."""
    train, val = set(), set()
    for i, (_, classes) in enumerate(groups):
        (val if i in chosen else train).update(classes)
    return train, val


def test_the_fraction_is_kept():
    groups = [(1, {"cat"})] * 100
    assert len(split(groups, 0.2, 0)) == 20
    assert len(split([(1, set())] * 10, 0.3, 0)) == 3


def test_a_seed_gives_one_split_and_another_seed_another():
    groups = [(1, {"cat"})] * 50
    assert split(groups, 0.2, 1) == split(groups, 0.2, 1)
    assert split(groups, 0.2, 1) != split(groups, 0.2, 2)


def test_a_class_of_two_groups_is_in_both_parts():
    """Of 40 images two show an owl: by chance alone both would be trained on mostly."""
    groups = [(1, {"cat"})] * 38 + [(1, {"cat", "owl"})] * 2
    for seed in range(20):
        train, val = of_parts(groups, split(groups, 0.1, seed))
        assert train == val == {"cat", "owl"}


def test_a_class_of_one_group_is_trained_on():
    groups = [(1, {"cat"})] * 9 + [(1, {"owl"})]
    for seed in range(20):
        train, _ = of_parts(groups, split(groups, 0.3, seed))
        assert train == {"cat", "owl"}


def test_shares_of_classes_follow_the_fraction():
    groups = [(1, {"cat"})] * 80 + [(1, {"dog"})] * 20
    chosen = split(groups, 0.25, 3)
    assert sum(i >= 80 for i in chosen) == 5
    assert len(chosen) == 25


def test_sizes_of_groups_count_as_images():
    """Four copies and sixteen single images; a quarter are five images."""
    groups = [(4, {"cat"})] + [(1, {"cat"})] * 16
    for seed in range(10):
        chosen = split(groups, 0.25, seed)
        assert 3 <= sum(groups[i][0] for i in chosen) <= 7


def test_neither_part_is_empty_whatever_the_data():
    rng = random.Random(7)
    for _ in range(200):
        count = rng.randint(2, 8)
        groups = [
            (rng.randint(1, 3), set(rng.sample("abcd", rng.randint(0, 3))))
            for _ in range(count)
        ]
        chosen = split(groups, rng.choice([0.01, 0.2, 0.5, 0.99]), rng.randint(0, 9))
        assert 0 < len(chosen) < count


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, float("nan")])
def test_a_fraction_that_is_none_is_refused(fraction):
    with pytest.raises(UserError, match="--val-fraction"):
        split([(1, set())] * 4, fraction, 0)


def test_one_image_cannot_be_split():
    with pytest.raises(UserError, match="only one image"):
        split([(3, {"cat"})], 0.2, 0)
