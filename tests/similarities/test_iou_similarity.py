"""Intersection over union."""

import kit
import numpy as np

from od_api.similarities.iou_similarity import IouSimilarity


def test_values():
    """Equal: 1. Shifted by half: 2 / 6. Apart: 0. No area: 0."""
    box = np.float32([[0, 0, 2, 2]])
    others = np.float32([[0, 0, 2, 2], [1, 0, 3, 2], [4, 4, 5, 5], [1, 1, 1, 1]])
    values = IouSimilarity()(box, others)
    np.testing.assert_allclose(values, [[1, 1 / 3, 0, 0]], rtol=1e-6)


def test_symmetric():
    rng = np.random.default_rng(0)
    boxes, others = kit.random_boxes(rng, 5), kit.random_boxes(rng, 7)
    values, swapped = IouSimilarity()(boxes, others), IouSimilarity()(others, boxes)
    np.testing.assert_allclose(values, np.transpose(swapped), rtol=1e-5)


def test_kit():
    kit.check_similarity(IouSimilarity())
