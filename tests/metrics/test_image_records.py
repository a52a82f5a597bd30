"""What an evaluator keeps of each image, and overlaps in NumPy."""

import numpy as np
import pytest

from od_api.core import boxes as geometry
from od_api.metrics.image_records import ImageRecords, box_area, iou

BOXES = [[0, 0, 4, 6], [2, 3, 6, 9]]
TRUTH = {"boxes": BOXES, "classes": [1, 2]}
FOUND = {"boxes": BOXES[:1], "scores": [0.5], "classes": [1]}


def put(truth=TRUTH, found=FOUND):
    records = ImageRecords()
    assert records.put(7, truth, found)
    return records[7]


def test_missing_flags_are_false_and_a_missing_area_is_the_box_s():
    truth, found = put({**TRUTH, "area": [0, 5], "difficult": [True, False]})
    assert truth.is_crowd.tolist() == [False, False]
    assert truth.difficult.tolist() == [True, False]
    assert truth.area.tolist() == [24, 5]
    assert truth.masks is None and found.masks is None
    assert found.scores.dtype == np.float32 and found.classes.tolist() == [1]


def test_an_image_counts_once():
    records = ImageRecords()
    assert records.put(np.int64(7), TRUTH, FOUND)
    assert not records.put(7, {**TRUTH, "classes": [3, 3]}, FOUND)
    assert list(records) == [7] and records[7][0].classes.tolist() == [1, 2]


def test_an_image_without_anything():
    empty = {"boxes": [], "classes": [], "scores": []}
    truth, found = put(empty, empty)
    assert truth.boxes.shape == found.boxes.shape == (0, 4)
    assert truth.area.shape == found.scores.shape == (0,)


@pytest.mark.parametrize(
    ("truth", "says"),
    [
        ({**TRUTH, "classes": [1]}, "classes must have one value a box"),
        ({**TRUTH, "boxes": [[0, 0, 1]] * 2}, "boxes must be"),
        ({**TRUTH, "masks": [None]}, "2 boxes, but 1 masks"),
    ],
)
def test_lengths_that_differ(truth, says):
    with pytest.raises(ValueError, match=says):
        put(truth)


def test_overlaps_are_those_of_training():
    """6 of 24 + 24 - 6, and the same as in TensorFlow; points have none."""
    boxes = np.float32(BOXES)
    assert box_area(boxes).tolist() == [24, 24]
    np.testing.assert_allclose(iou(boxes, boxes), [[1, 6 / 42], [6 / 42, 1]])
    low = np.random.default_rng(0).uniform(0, 50, (9, 2))
    many = np.float32(np.concatenate([low, low + 20], axis=1))
    expected = geometry.pairwise(geometry.iou, many, many)
    np.testing.assert_allclose(iou(many, many), expected, atol=1e-6)
    point = np.float32([[1, 1, 1, 1]])
    assert iou(point, point).tolist() == [[0]]
    assert iou(boxes, boxes[:0]).shape == (2, 0)
