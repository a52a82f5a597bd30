import numpy as np
import pytest
from scenes import NOTHING, found, truth

from od_api.metrics.image_records import ImageRecords
from od_api.metrics.overlaps import OF_BOXES, OF_MASKS
from od_api.pictures import rle


def image(detections, objects, masks=None):
    """(Found, GroundTruth); `masks` are two lists of [h, w]."""
    found_masks, truth_masks = ({}, {})
    if masks:
        found_masks, truth_masks = ({"masks": rle.encode(m)} for m in masks)
    records = ImageRecords()
    scores = [0.9] * len(detections)
    records.put(
        1, truth(objects, **truth_masks), found(detections, scores) | found_masks
    )
    return records[1][::-1]


def test_boxes():
    """10 x 10 in 10 x 40: IoU a quarter, all of it inside. Half outside: 50 of 450."""
    rows = image([[0, 0, 10, 10], [0, -5, 10, 5]], [[0, 0, 10, 40]])
    np.testing.assert_allclose(OF_BOXES.iou(*rows), [[0.25], [50 / 450]])
    np.testing.assert_allclose(OF_BOXES.share(*rows), [[1.0], [0.5]])


def test_masks():
    """Two pixels, of which one is of an object of three: 1 of 4, and a half."""
    masks = [[[1, 1, 0, 0]]], [[[0, 1, 1, 1]]]
    box = [[0, 0, 1, 4]]
    rows = image(box, box, masks)
    np.testing.assert_allclose(OF_MASKS.iou(*rows), [[0.25]])
    np.testing.assert_allclose(OF_MASKS.share(*rows), [[0.5]])


@pytest.mark.parametrize("way", [OF_BOXES, OF_MASKS])
def test_nothing(way):
    rows = image(NOTHING, [[0, 0, 1, 1]], [np.zeros([0, 1, 1]), np.ones([1, 1, 1])])
    assert way.iou(*rows).shape == way.share(*rows).shape == (0, 1)
