"""Levels that are for objects of some sizes."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.assigners.argmax_matcher import ArgMaxMatcher
from od_api.assigners.bipartite_matcher import BipartiteMatcher
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import as_priors
from od_api.protos import region_similarity_calculator_pb2 as similarity_pb2
from od_api.similarities.size_gated_similarity import NEVER

# Priors of 10 px on level 0 and of 20 px on level 1, all in one place; one far away.
PRIORS = as_priors(
    np.float32([[0, 0, 10, 10], [0, 0, 20, 20], [0, 0, 20, 20], [50, 50, 60, 60]])
)._replace(levels=tf.constant([0, 0, 1, 1]))


def gate(text="levels { high: 16 } levels { low: 16 }", num_levels=2):
    message = similarity_pb2.RegionSimilarityCalculator()
    text_format.Parse(f"size_gated_similarity {{ {text} }}", message)
    return build(message, image_shape=None, num_levels=num_levels)


@pytest.mark.parametrize(
    ("side", "values"),
    [
        # 100 / 400 with the larger; level 1 is not for 10 px.
        (10, [1.0, 0.25, NEVER, NEVER]),
        # Both levels end at 16: 100 / 256, 256 / 400.
        (16, [100 / 256, 256 / 400, 256 / 400, 0.0]),
        (20, [NEVER, NEVER, 1.0, 0.0]),
        # A point is small.
        (0, [0.0, 0.0, NEVER, NEVER]),
    ],
)
def test_values(side, values):
    found = gate()(np.float32([[[0, 0, side, side]]]), PRIORS)
    np.testing.assert_allclose(found, [[values]], rtol=1e-6)


def test_no_gate_is_the_similarity_within():
    text = "similarity_calculator { diou_similarity {} } levels {} levels {}"
    boxes = kit.random_boxes(np.random.default_rng(0), 2, 7)
    within = build(similarity_pb2.DiouSimilarity())
    np.testing.assert_array_equal(
        gate(text)(boxes, PRIORS), within(boxes, PRIORS.boxes)
    )
    assert gate(text).is_share


@pytest.mark.parametrize("force", [False, True])
def test_argmax(force):
    """The object of 20 px takes its level alone; the one of 40 px, by force, too."""
    boxes = [[[0, 0, 20, 20], [0, 0, 40, 40]]]
    matcher = ArgMaxMatcher(
        similarity=gate("levels { high: 16 } levels { low: 16 high: 30 }"),
        force_match_for_each_row=force,
    )
    found = matcher.assign(PRIORS, kit.make_targets(boxes))
    # No level is for 40 px.
    np.testing.assert_array_equal(found.label, [[0, 0, 1, 0]])
    np.testing.assert_allclose(found.quality, [[0, 0, 1, 0]])


def test_bipartite():
    """The objects of 20 px want level 1; of three, one finds nothing left."""
    boxes = [[[0, 0, 20, 20], [0, 0, 20, 20], [0, 0, 20, 20], [0, 0, 10, 10]]]
    found = BipartiteMatcher(similarity=gate()).assign(PRIORS, kit.make_targets(boxes))
    np.testing.assert_array_equal(found.label, [[1, 0, 1, 1]])
    np.testing.assert_array_equal(found.gt_index, [[3, 0, 0, 1]])


def test_everything_is_a_match_but_for_the_gate():
    boxes = [[[0, 0, 20, 20]]]
    matcher = ArgMaxMatcher(similarity=gate(), ignore_thresholds=True)
    found = matcher.assign(PRIORS, kit.make_targets(boxes))
    np.testing.assert_array_equal(found.label, [[0, 0, 1, 1]])


@pytest.mark.parametrize(
    ("text", "num_levels", "message"),
    [
        ("levels {}", 2, "levels has 1 entries and the head reads 2 maps"),
        ("levels {}", None, "is for anchors"),
        ("levels { low: 5 high: 4 }", 1, "low"),
    ],
)
def test_bad_options(text, num_levels, message):
    with pytest.raises(ConfigError, match=message):
        gate(text, num_levels)
