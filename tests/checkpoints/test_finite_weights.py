"""Weights that are not finite are named, and not kept."""

import math

import numpy as np
import pytest
import tensorflow as tf

from od_api.checkpoints.finite_weights import (
    TrainingDiverged,
    not_finite,
    refuse_not_finite,
)

GROUPS = {
    "model": {"a": tf.constant([1.0, 2.0]), "steps": np.array([3])},
    "optimizer": {"a/m": np.array([0.0, np.inf], np.float32)},
    "ema": {"a": tf.constant([math.nan], tf.bfloat16)},
}


def test_names_of_what_is_not_finite():
    assert not_finite(GROUPS) == ["optimizer/a/m", "ema/a"]
    assert not_finite({"model": GROUPS["model"]}) == []


def test_weights_that_are_not_finite_end_training():
    refuse_not_finite(4, {"model": GROUPS["model"]})
    with pytest.raises(TrainingDiverged, match=r"after step 4 2 of .*optimizer/a/m"):
        refuse_not_finite(4, GROUPS)
