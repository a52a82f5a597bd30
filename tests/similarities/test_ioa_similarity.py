"""Intersection over area."""

import kit
import numpy as np

from od_api.similarities.ioa_similarity import IoaSimilarity


def test_values():
    """The area is the second box's: 1 inside, 4 / 16 around, 2 / 4 half, 0 of 0."""
    box = np.float32([[0, 0, 2, 2]])
    others = np.float32([[0, 0, 1, 1], [0, 0, 4, 4], [1, 0, 3, 2], [1, 1, 1, 1]])
    np.testing.assert_allclose(IoaSimilarity()(box, others), [[1, 0.25, 0.5, 0]])


def test_kit():
    """A box inside a larger one is as similar as one to itself, so equals are first."""
    rng = np.random.default_rng(0)
    boxes, others = kit.random_boxes(rng, 2, 5), kit.random_boxes(rng, 7)
    boxes[1, 4] = 0
    values = kit.check_graph(IoaSimilarity(), boxes, others)
    assert values.shape == (2, 5, 7)
    assert np.isfinite(values).all()
    kit.assert_same(IoaSimilarity()(boxes[0], others), values[0])
    same = np.diag(IoaSimilarity()(others, others))
    np.testing.assert_allclose(same, 1, rtol=1e-6)
