"""Numbers of the old feature extractors' code."""

import pytest

from od_api.old_api import feature_extractor_defaults as defaults
from od_api.protos import hyperparams_pb2


@pytest.mark.parametrize(
    ("family", "l2", "decay"),
    [
        ("mobilenet", 4e-5, 0.9997),
        ("resnet", 1e-4, 0.997),
        ("inception", 4e-5, 0.9997),
        ("vgg", 5e-4, None),
    ],
)
def test_base_hyperparams(family, l2, decay):
    made = defaults.base_hyperparams(family, keras_twin=False)
    assert made.regularizer.l2_regularizer.weight == pytest.approx(l2)
    assert made.HasField("batch_norm") is (decay is not None)
    if decay:
        assert made.batch_norm.decay == pytest.approx(decay)


def test_only_the_keras_resnets_are_regularised_twice_as_hard():
    for family in defaults.FAMILIES:
        first, twin = (
            defaults.base_hyperparams(family, keras_twin=twin) for twin in (False, True)
        )
        factor = 2 if family == "resnet" else 1
        assert twin.regularizer.l2_regularizer.weight == pytest.approx(
            factor * first.regularizer.l2_regularizer.weight
        )


def test_everything_is_explicit_and_nothing_changes():
    message = hyperparams_pb2.Hyperparams(batch_norm={"decay": 0.5})
    explicit = defaults.everything_explicit(message)
    assert not message.HasField("activation") and explicit.HasField("activation")
    assert explicit.activation == message.activation
    for field in message.batch_norm.DESCRIPTOR.fields:
        assert explicit.batch_norm.HasField(field.name)
        ours = getattr(explicit.batch_norm, field.name)
        assert ours == getattr(message.batch_norm, field.name)
    plain = defaults.everything_explicit(hyperparams_pb2.Hyperparams())
    assert plain.WhichOneof("normalizer_oneof") is None


@pytest.mark.parametrize(
    ("depth", "multiplier", "expected"),
    [
        (1280, 1.4, 1280),
        (1280, 1.0, 1280),
        (1280, 0.5, 640),
        # 448 is a multiple of 8; 1280 x .33 = 422.4 becomes 424.
        (1280, 0.35, 448),
        (1280, 0.33, 424),
        # Half way, 20 goes up; 11 would be 8, below 9 in 10 of it, and so is 16.
        (40, 0.5, 24),
        (100, 0.11, 16),
    ],
)
def test_last_depth_of_mobilenet_v2(depth, multiplier, expected):
    assert defaults.mobilenet_v2_last_depth(depth, multiplier) == expected
