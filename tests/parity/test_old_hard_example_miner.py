"""The hard-example miner against the old API's: which anchors it keeps."""

import golden_store
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.core.types import AnchorLosses, Assignment
from od_api.protos import losses_pb2

CASES = golden_store.load("hard_example_miner")
GIVEN = CASES["input"]


@pytest.mark.parametrize("name", sorted(set(CASES) - {"input"}))
def test_kept_anchors_are_the_old_ones(name):
    """Three images of 60 anchors; the third has no positive one.

    The old miner weighed the losses itself; ours gets them weighed as in the total.
    It also kept ignored anchors where there was room: their losses are 0, so that
    leaving them out, as ours does, changes nothing.
    """
    config = text_format.Parse(CASES[name]["config"], losses_pb2.Loss())
    label = tf.constant(GIVEN["label"])
    kept = build(config.hard_example_miner).sample(
        Assignment(tf.zeros_like(label), label, tf.zeros(label.shape)),
        AnchorLosses(
            classification=tf.constant(
                GIVEN["classification"] * config.classification_weight
            ),
            localization=tf.constant(
                GIVEN["localization"] * config.localization_weight
            ),
            boxes=tf.constant(GIVEN["boxes"]),
        ),
    )
    counts = GIVEN["label"] >= 0
    old = CASES[name]["kept"]
    assert np.any(old & counts)
    np.testing.assert_array_equal(np.asarray(kept) > 0, old & counts)
