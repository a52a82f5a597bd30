"""Chips of records: cut as training sees them, and chosen so that objects are seen."""

import numpy as np
import pytest
import tensorflow as tf
from test_pipeline import LABELS, example, reader_of, write

from od_api.data.chips import ChipChoice, ChipCutter, in_range
from od_api.protos import input_reader_pb2

# Twice as large, in chips; and as it is.
SCALES = [
    {"min_dimension": 16, "max_dimension": 32, "chip_size": 12, "high": 4},
    {"min_dimension": 8, "max_dimension": 16, "chip_size": 0, "low": 4},
]


def chips_message(scales=SCALES):
    return input_reader_pb2.Chips(index_path="x", scales=scales)


def sample():
    """8 x 16, columns of a colour: boxes of sizes 2, 4 and 8, and one far away."""
    columns = tf.tile(tf.range(16, dtype=tf.float32)[None, :, None], [8, 1, 3])
    return {
        "image": columns,
        "boxes": tf.constant(
            [[0, 4, 2, 6], [2, 8, 6, 12], [0, 2, 8, 10], [6, 14, 8, 16]], tf.float32
        ),
        "classes": tf.constant([0, 1, 0, 1]),
        "weights": tf.ones([4]),
        "is_crowd": tf.zeros([4], tf.bool),
        "difficult": tf.zeros([4], tf.bool),
        "ignored": tf.constant([False, False, False, False]),
        "masks": tf.ones([4, 8, 16], tf.uint8),
        "scale": tf.ones([]),
    }


def test_a_chip_of_an_enlarged_image():
    """Rows 4 to 15 and columns 10 to 21 of 16 x 32: the second box loses its right
    edge at 24, the third, too large, is ignored, and the fourth is not there."""
    found = ChipCutter(chips_message())(sample(), tf.constant([0, 4, 10, 12, 12]))
    assert found["image"].shape == (12, 12, 3)
    np.testing.assert_allclose(found["image"][0, :4, 0], [5, 5.5, 6, 6.5])
    np.testing.assert_array_equal(found["boxes"], [[0, 6, 8, 12], [0, 0, 12, 10]])
    assert found["classes"].numpy().tolist() == [1, 0]
    assert found["ignored"].numpy().tolist() == [False, True]
    assert found["masks"].shape == (2, 12, 12)
    assert float(found["scale"]) == 2.0 and "true_shape" not in found


@pytest.mark.parametrize("chip", [[0, 5, 0, 12, 12], [1, 0, 8, 8, 9]])
def test_a_chip_outside_of_its_image_is_refused(chip):
    with pytest.raises(tf.errors.InvalidArgumentError, match="outside of its image"):
        ChipCutter(chips_message())(sample(), tf.constant(chip))


def test_the_whole_image_at_its_scale():
    """Sizes of 4 and more count; what was ignored before stays so."""
    before = sample()
    before["ignored"] = tf.constant([False, False, True, False])
    found = ChipCutter(chips_message())(before, tf.constant([1, 0, 0, 8, 16]))
    np.testing.assert_array_equal(found["image"], before["image"])
    np.testing.assert_array_equal(found["boxes"], before["boxes"])
    assert found["ignored"].numpy().tolist() == [True, False, True, True]


def test_ranges_have_their_ends():
    boxes = tf.constant([[0, 0, 2, 8.0], [0, 0, 3, 3], [0, 0, 5, 5]])
    assert in_range(boxes, 3, 4).numpy().tolist() == [True, True, False]


@pytest.fixture
def files(tmp_path):
    """8 x 16 images: a small object, a large one, none, a crowd, both."""
    small, large = (0.0, 0.25, 0.25, 0.375), (0.0, 0.0, 1.0, 1.0)
    examples = [
        example(0, [small]),
        example(1, [large]),
        example(2, []),
        example(3, [small], is_crowd=[True]),
        example(4, [small, large]),
    ]
    return write(tmp_path / "x", examples)


def chosen(files, seed=0, scales=SCALES, first=0):
    reader = reader_of(*files, chips=chips_message(scales))
    choice = ChipChoice(reader, LABELS, 2, seed)
    return [one for file in files for one in choice.of_file(file, first)]


def test_each_scale_has_chips_of_its_own_objects(files):
    """The small box, 0 8 4 12 of 16 x 32, lies in its chip; crowds ask for none."""
    chips = chosen(files)
    assert [one[:, 0].tolist() for one in chips] == [[0], [1], [], [], [0, 1]]
    for one in (chips[0], chips[4]):
        _, top, left, height, width = one[0]
        assert (top, height, width) == (0, 12, 12) or top + height >= 4
        assert top <= 0 and left <= 8 and left + width >= 12
    assert chips[1].tolist() == [[1, 0, 0, 8, 16]]


def test_chips_follow_from_the_seed_and_the_records_number(files):
    wide = [{"min_dimension": 80, "max_dimension": 160, "chip_size": 60, "high": 4}]
    text = [repr(chosen(files, scales=wide, **s)) for s in ({}, {}, {"seed": 1})]
    assert text[0] == text[1] != text[2]
    assert repr(chosen(files, scales=wide, first=1)) != text[0]


def test_a_grid_of_chips(files):
    """Twelve pixels at 0, 8, 16, 20: the first that holds columns 8 to 12 is at 0."""
    grid = [SCALES[0] | {"stride": 8}]
    assert chosen(files, scales=grid)[0].tolist() == [[0, 0, 0, 12, 12]]
