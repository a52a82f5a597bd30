import numpy as np
import pytest
from scenes import CATS_AND_DOGS, NOTHING, found, truth

from od_api.core.errors import UserError
from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.diagnosis import bootstrap

BOX = [0, 0, 10, 10]
HIT = truth([BOX]), found([BOX], [0.9])
MISS = truth([BOX]), found(NOTHING, [])
ALARM = truth([BOX]), found([[50, 50, 60, 60]], [0.9])


def matches_of(*images):
    metrics = CocoDetectionMetrics(CATS_AND_DOGS)
    for i, image in enumerate(images, start=1):
        metrics.add(i, *image)
    return metrics.matches()


def test_samples_have_as_many_images_and_are_seeded():
    copies = bootstrap.samples(7, 50)
    assert copies.shape == (50, 7)
    assert (copies.sum(axis=1) == 7).all()
    assert np.array_equal(copies, bootstrap.samples(7, 50))
    assert not np.array_equal(copies, bootstrap.samples(7, 50, seed=1))
    with pytest.raises(UserError, match="not of 1"):
        bootstrap.samples(7, 1)


def test_an_interval_by_hand():
    """Of a hit and a miss, samples have AP 1, 51/101 or 0, by a quarter, a half, a
    quarter; dogs, which no image has, do not count."""
    copies = np.array([[2, 0], [1, 1], [1, 1], [0, 2]])
    found_in = bootstrap.sampled(matches_of(HIT, MISS), copies)
    assert found_in.mean50 == pytest.approx(51 / 101)
    assert found_in.means50 == pytest.approx([1, 51 / 101, 51 / 101, 0])
    many = bootstrap.sampled(matches_of(HIT, MISS), bootstrap.samples(2, 400))
    interval = bootstrap.interval(many.mean50, many.means50)
    assert interval == (pytest.approx(51 / 101), 0.0, 1.0)


def test_a_difference_is_that_of_the_same_samples():
    """The second finds what the first misses in one image of two: what the other image
    is like does not count, and it is never worse."""
    first, second = matches_of(HIT, MISS), matches_of(HIT, HIT)
    copies = bootstrap.samples(2, 400)
    gained = bootstrap.difference(
        *(bootstrap.sampled(m, copies) for m in (first, second))
    )
    assert gained["mAP"].value == pytest.approx(50 / 101)
    assert gained["mAP"].low == 0.0
    # Without a copy of the miss, which is a quarter of the samples, they are alike.
    assert gained["higher"] == pytest.approx(1 - 0.25 / 2, abs=0.04)
    same = bootstrap.difference(*[bootstrap.sampled(first, copies)] * 2)
    assert same["mAP"] == (0.0, 0.0, 0.0) and same["higher"] == 0.5


def test_without_objects_there_is_no_interval():
    nothing = bootstrap.sampled(matches_of(), bootstrap.samples(0, 10))
    assert bootstrap.interval(nothing.mean, nothing.means) is None
    assert bootstrap.difference(nothing, nothing)["mAP"] is None
