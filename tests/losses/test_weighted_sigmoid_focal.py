"""The focal loss."""

import math

import kit
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.losses.weighted_sigmoid import WeightedSigmoidClassificationLoss
from od_api.losses.weighted_sigmoid_focal import SigmoidFocalClassificationLoss
from od_api.protos import losses_pb2

LOG_3 = math.log(3)


@pytest.mark.parametrize(
    ("target", "value"),
    [
        # p_t = 3/4: 0.25 * (1/4)^2 * -log 3/4.
        (1.0, 0.25 / 16 * math.log(4 / 3)),
        # p_t = 1/4: 0.75 * (3/4)^2 * -log 1/4.
        (0.0, 0.75 * 9 / 16 * math.log(4)),
    ],
)
def test_values(target, value):
    loss = SigmoidFocalClassificationLoss(gamma=2.0, alpha=0.25)
    np.testing.assert_allclose(
        loss(np.float32([LOG_3]), np.float32([target])), [value], rtol=1e-6
    )


def test_gamma_0_without_alpha_is_cross_entropy():
    logits = np.random.default_rng(0).normal(0, 3, (6, 3)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    kit.assert_same(
        SigmoidFocalClassificationLoss(gamma=0.0)(logits, targets),
        WeightedSigmoidClassificationLoss()(logits, targets),
    )


def test_alpha_that_no_config_sets_weights_nothing():
    message = text_format.Parse(
        "gamma: 1.0", losses_pb2.SigmoidFocalClassificationLoss()
    )
    assert build(message).alpha is None
    message.alpha = 0.0
    assert build(message).alpha == 0.0


@pytest.mark.parametrize("options", [{"gamma": -1.0}, {"alpha": 1.5}])
def test_out_of_range(options):
    with pytest.raises(ValueError, match="must be"):
        SigmoidFocalClassificationLoss(**options)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_kit(gamma):
    kit.check_classification_loss(
        SigmoidFocalClassificationLoss(gamma=gamma, alpha=0.25)
    )
