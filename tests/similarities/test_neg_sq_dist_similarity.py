"""Minus the squared distance of corners."""

import kit
import numpy as np

from od_api.similarities.neg_sq_dist_similarity import NegSqDistSimilarity

BOX = np.float32([[0, 0, 2, 2]])
OTHERS = np.float32([[0, 0, 2, 2], [1, 0, 3, 2], [1, 2, 3, 5]])


def test_values():
    """0; 1 + 1; 1 + 4 + 1 + 9."""
    np.testing.assert_allclose(NegSqDistSimilarity()(BOX, OTHERS), [[0, -2, -15]])


def test_in_image_heights_and_widths():
    """Of 2 x 4 px: 0; 1/4 + 1/4; 1/4 + 4/16 + 1/4 + 9/16."""
    similarity = NegSqDistSimilarity(image_shape=(2, 4))
    np.testing.assert_allclose(similarity(BOX, OTHERS), [[0, -0.5, -1.3125]])


def test_kit():
    kit.check_similarity(NegSqDistSimilarity())
