"""Which chips cover the objects of an image."""

import numpy as np
import pytest

from od_api.data.chip_choice import best_chips, greedy_cover, random_chips

# A 480 x 640 image under (1400, 2000) is 1400 x 1867.
SHAPE = (1400, 1867)


def draw(boxes, side=1000, seed=0, shape=SHAPE, **settings):
    return random_chips(boxes, shape, side, np.random.default_rng(seed), **settings)


def some_boxes(count, seed, longest=80, shape=SHAPE):
    """[count, 4] inside the image, with fractions of pixels."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(1, longest, [count, 2])
    corner = rng.uniform(0, 1, [count, 2]) * (np.array(shape) - size)
    return np.concatenate([corner, corner + size], axis=1)


def covered(boxes, chips):
    """[G] bool, by loops: boxes that lie in some chip whole."""
    return [
        any(
            top <= box[0]
            and left <= box[1]
            and box[2] <= top + height
            and box[3] <= left + width
            for top, left, height, width in chips
        )
        for box in boxes
    ]


@pytest.mark.parametrize("seed", range(20))
def test_every_small_object_lies_in_a_chip_of_the_image(seed):
    """All chips are 1000 x 1000 inside the image (T07); none covers nothing new."""
    boxes = some_boxes(12, seed)
    chips = draw(boxes, seed=seed)
    assert all(covered(boxes, chips))
    assert (chips[:, 2:] == 1000).all() and (chips[:, :2] >= 0).all()
    assert (chips[:, :2] + chips[:, 2:] <= SHAPE).all()
    done = []
    for chip in chips:
        assert sum(covered(boxes, [*done, chip])) > sum(covered(boxes, done))
        done.append(chip)


def test_objects_at_the_borders_are_covered():
    height, width = SHAPE
    corners = [[0, 0, 5, 5], [height - 5, width - 5, height, width]]
    assert all(covered(corners, draw(corners)))


def test_no_object_no_chip():
    assert draw(np.zeros([0, 4])).shape == (0, 4)
    assert best_chips(np.zeros([0, 4]), SHAPE, 512, 32).shape == (0, 4)


def test_a_seed_gives_the_same_chips():
    boxes = some_boxes(12, 3)
    np.testing.assert_array_equal(draw(boxes, seed=5), draw(boxes, seed=5))
    assert draw(boxes, seed=5).tolist() != draw(boxes, seed=6).tolist()


def test_smaller_images_are_one_chip_on_that_side():
    chips = draw([[0, 0, 5, 5]], side=1000, shape=(600, 800))
    assert chips.tolist() == [[0, 0, 600, 800]]
    chips = draw([[0, 0, 5, 5]], side=1000, shape=(600, 2000))
    assert chips[:, [0, 2, 3]].tolist() == [[0, 600, 1000]]


def test_objects_longer_than_a_chip_are_not_asked_for():
    """From 0.5 to 100.5 are 101 whole pixels, from 0 to 100 are 100."""
    assert len(draw([[0.5, 0, 100.5, 5]], side=100)) == 0
    assert len(draw([[0, 0, 100, 5]], side=100)) == 1


def test_without_tries_each_object_has_a_chip_around_its_centre():
    boxes = [[700, 700, 720, 740], [10, 10, 20, 20]]
    chips = draw(boxes, side=100, max_tries=0)
    assert chips.tolist() == [[660, 670, 100, 100], [0, 0, 100, 100]]
    exact = draw([[333, 501, 433, 601]], side=100, max_tries=0)
    assert exact.tolist() == [[333, 501, 100, 100]]


def test_near_objects_share_a_chip_of_the_grid():
    """Three within 200 px are one chip, 1000 px apart they are two (T26)."""
    near = [[300, 300, 340, 340], [400, 350, 440, 390], [320, 450, 350, 480]]
    assert len(best_chips(near, SHAPE, 512, 32)) == 1
    far = [[300, 300, 340, 340], [300, 1300, 340, 1340]]
    assert len(best_chips(far, SHAPE, 512, 32)) == 2


def test_the_row_that_covers_most_comes_first():
    """{1, 2, 3}, {3, 4}, {4}: the first, then the second (T26)."""
    rows = [[1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]]
    assert greedy_cover(np.array(rows, bool)) == [0, 1]
    assert greedy_cover(np.zeros([2, 3], bool)) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_grid_covers_objects_up_to_side_minus_stride(seed):
    boxes = some_boxes(30, seed, longest=512 - 33)
    chips = best_chips(boxes, SHAPE, 512, 32)
    assert all(covered(boxes, chips))
    assert (chips[:, :2] + chips[:, 2:] <= SHAPE).all()
