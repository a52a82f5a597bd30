"""A score for every pair that overlaps enough."""

import kit
import numpy as np
import pytest

from od_api.similarities.thresholded_iou_similarity import ThresholdedIouSimilarity

BOXES = np.float32([[0, 0, 2, 2], [1, 0, 3, 2]])
OTHERS = np.float32([[0, 0, 2, 2], [0, 0, 2, 1], [5, 5, 6, 6]])


def test_values():
    """IoUs 1, .5, 0 and 1/3, 1/5, 0: exactly 0.5 is not above the threshold."""
    similarity = ThresholdedIouSimilarity()
    np.testing.assert_allclose(similarity(BOXES, OTHERS), [[1, 0, 0], [0, 0, 0]])


def test_scores_of_the_first_boxes():
    similarity = ThresholdedIouSimilarity(iou_threshold=0.3)
    values = similarity(BOXES, OTHERS, scores=np.float32([0.75, 0.25]))
    np.testing.assert_allclose(values, [[0.75, 0.75, 0], [0.25, 0, 0]])


def test_threshold_out_of_range():
    with pytest.raises(ValueError, match="iou_threshold is"):
        ThresholdedIouSimilarity(iou_threshold=1.5)


def test_kit():
    kit.check_similarity(ThresholdedIouSimilarity(iou_threshold=0.9))
