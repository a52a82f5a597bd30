"""Learning-rate schedules against the old API's, step by step."""

import golden_store
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import optimizer_pb2

CASES = golden_store.load("learning_rates")


@pytest.mark.parametrize("name", CASES)
def test_rates_are_the_old_ones(name):
    case = CASES[name]
    config = text_format.Parse(case["config"], optimizer_pb2.LearningRate())
    schedule = build(config)
    rates = [float(schedule(step)) for step in case["steps"]]
    np.testing.assert_allclose(rates, case["rates"], rtol=1e-5, atol=1e-9)
