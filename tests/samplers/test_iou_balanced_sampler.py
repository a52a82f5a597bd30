"""A mini-batch whose negatives are spread over all overlaps."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core.errors import UserError
from od_api.core.registry import build
from od_api.core.types import Assignment
from od_api.protos import sampler_pb2
from od_api.samplers.balanced_sampler import BalancedSampler
from od_api.samplers.iou_balanced_sampler import IouBalancedSampler


def negatives(*counts):
    """An image of negatives: so many in each of the bins of 0 to .6, one at .6."""
    width = 0.6 / len(counts)
    quality = [
        np.full(count, (i + 0.5) * width, np.float32) for i, count in enumerate(counts)
    ]
    quality[-1][-1] = 0.6
    quality = np.concatenate(quality)[None]
    label = np.zeros(quality.shape, np.int32)
    return Assignment(
        tf.zeros_like(label), tf.constant(label), tf.constant(quality)
    ), np.repeat(np.arange(len(counts)), counts)


def counts_by_bin(sampler, assignment, bins, seed=kit.SEED):
    kept = sampler.sample(assignment, seed=seed).numpy()[0]
    return np.bincount(bins, weights=kept).astype(int).tolist()


def test_an_equal_number_from_each_bin():
    """Bins of 20, 10 and 5, nine wanted: three each."""
    assignment, bins = negatives(20, 10, 5)
    sampler = IouBalancedSampler(batch_size=9)
    assert counts_by_bin(sampler, assignment, bins) == [3, 3, 3]


def test_probability_of_each():
    """3 / 20, 3 / 10 and 3 / 5, over 300 draws."""
    assignment, bins = negatives(20, 10, 5)
    sampler = IouBalancedSampler(batch_size=9)
    sample = tf.function(lambda seed: sampler.sample(assignment, seed=seed)[0])
    mean = np.mean([sample(tf.constant([3, i])) for i in range(300)], axis=0)
    np.testing.assert_allclose(mean, np.array([0.15, 0.3, 0.6])[bins], atol=0.12)


def test_what_a_bin_lacks_comes_from_the_rest():
    """Of 800, 120 and 80, 333 wanted: 111 + 111 + 80, then 31 of 689 + 9."""
    assignment, bins = negatives(800, 120, 80)
    got = counts_by_bin(IouBalancedSampler(batch_size=333), assignment, bins)
    assert sum(got) == 333 and got[2] == 80
    assert got[0] >= 111 and got[1] >= 111
    assert got[0] > got[1]


def test_all_where_there_are_not_enough():
    assignment, bins = negatives(20, 10, 5)
    sampler = IouBalancedSampler(batch_size=64)
    assert counts_by_bin(sampler, assignment, bins) == [20, 10, 5]


def test_one_bin_is_the_balanced_sampler():
    rng = np.random.default_rng(0)
    label = rng.choice([1, 0, 0, -1], (3, 200))
    assignment = kit.make_assignment(label)._replace(
        quality=tf.constant(rng.uniform(size=label.shape), tf.float32)
    )
    options = {"batch_size": 64, "positive_fraction": 0.25}
    kit.assert_same(
        IouBalancedSampler(num_bins=1, balance_objects=False, **options).sample(
            assignment, seed=kit.SEED
        ),
        BalancedSampler(**options).sample(assignment, seed=kit.SEED),
    )


def test_bins_end_at_the_largest_overlap_of_the_negatives():
    """Largest 0.3: 0, .1 and .2 begin the bins; the positive's .9 does not count."""
    quality = np.float32([[0, 0.05, 0.1, 0.19, 0.2, 0.3, 0.9]])
    label = tf.constant([[0, 0, 0, 0, 0, 0, 1]])
    bins = IouBalancedSampler()._bins(tf.constant(quality), label == 0)
    np.testing.assert_array_equal(bins[0, :6], [0, 0, 1, 1, 2, 2])


def test_floor():
    """Below .25 only fills up: 4 of 6 come from above; 8 are those and two others."""
    assignment, _ = negatives(10, 6)
    high = assignment.quality.numpy()[0] >= 0.25
    for size, from_above in ((4, 4), (8, 6)):
        sampler = IouBalancedSampler(batch_size=size, num_bins=2, floor_threshold=0.25)
        kept = sampler.sample(assignment, seed=kit.SEED).numpy()[0]
        assert kept.sum() == size
        assert kept[high].sum() == from_above


def test_floor_of_0_leaves_out_what_overlaps_nothing():
    quality = tf.constant([[0.0] * 50 + [0.01, 0.2, 0.3, 0.4]])
    label = tf.zeros([1, 54], tf.int32)
    sampler = IouBalancedSampler(batch_size=4, num_bins=1, floor_threshold=0.0)
    kept = sampler.sample(Assignment(label, label, quality), seed=kit.SEED)
    np.testing.assert_array_equal(kept[0], [0] * 50 + [1] * 4)


def test_objects_take_turns():
    """40, 3 and 20 positives of three objects, 16 wanted: 3 of the small one, and of
    the 13 that are left 6 or 7 each."""
    index = np.repeat([0, 1, 2], [40, 3, 20])[None].astype(np.int32)
    label = np.ones_like(index)
    assignment = Assignment(
        tf.constant(index), tf.constant(label), tf.ones(index.shape)
    )
    sampler = IouBalancedSampler(batch_size=64)
    kept = sampler.sample(assignment, seed=kit.SEED).numpy()[0]
    counts = np.bincount(index[0], weights=kept)
    assert counts[1] == 3 and sorted(counts[[0, 2]]) == [6, 7]
    without = IouBalancedSampler(batch_size=64, balance_objects=False)
    plain = without.sample(assignment, seed=kit.SEED).numpy()[0]
    assert plain.sum() == 16 and np.bincount(index[0], weights=plain)[0] > 7


def test_negatives_take_the_places_of_missing_positives():
    """Size 20, five positives at most; the three images have 2, 9 and 0."""
    label = np.array([[1] * 2 + [0] * 48, [1] * 9 + [0] * 41, [0] * 50])
    assignment = kit.make_assignment(label)
    kept = IouBalancedSampler(batch_size=20).sample(assignment, seed=kit.SEED).numpy()
    np.testing.assert_array_equal((kept * (label == 1)).sum(axis=1), [2, 5, 0])
    np.testing.assert_array_equal(kept.sum(axis=1), [20, 20, 20])


def test_eager_graph_and_xla_draw_the_same():
    rng = np.random.default_rng(1)
    label = tf.constant(rng.choice([1, 0, 0, -1], (2, 300)), tf.int32)
    index = tf.where(label == 1, rng.integers(0, 5, label.shape).astype(np.int32), 0)
    quality = tf.constant(rng.uniform(size=label.shape), tf.float32)
    sampler = IouBalancedSampler(batch_size=40)

    def sample(label, index, quality):
        return sampler.sample(Assignment(index, label, quality), seed=kit.SEED)

    kit.check_graph(sample, label, index, quality)
    kit.check_graph(sample, label, index, quality, jit_compile=True)


def test_seed_is_needed():
    with pytest.raises(UserError, match="needs a seed"):
        IouBalancedSampler().sample(kit.make_assignment([[0, 1]]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"positive_fraction": 1.5}, "positive_fraction is 1.5"),
        ({"num_bins": 0}, "num_bins is 0"),
        ({"floor_threshold": 2.0}, "floor_threshold is 2"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        IouBalancedSampler(**options)


def test_field():
    message = text_format.Parse(
        "iou_balanced_sampler { num_bins: 4 }", sampler_pb2.Sampler()
    )
    assert build(message).num_bins == 4


def test_kit():
    kit.check_sampler(IouBalancedSampler(batch_size=16))
