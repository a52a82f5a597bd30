"""DenseNet: count, maps, what odd sizes keep, and detectors over it."""

import backbone_kit as kit
import keras
import numpy as np
import pytest

from od_api.core.errors import ConfigError


@pytest.fixture(scope="module")
def backbone():
    return kit.built("densenet {}")


def test_in_full(backbone):
    """Keras' 7,978,856 less the classifier's 1024 * 1000 + 1000."""
    assert kit.trained(backbone) == 6_953_856
    assert list(backbone.channels.values()) == [256, 512, 1024, 1024]
    assert backbone.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert kit.sizes(backbone, 300) == [75, 38, 19, 10]
    kit.check_names(backbone)


def test_values_are_those_of_keras(backbone):
    """At a size whose maps are all even."""
    original = keras.applications.DenseNet121(include_top=False, weights=None)
    for mine, theirs in zip(backbone.network.weights, original.weights, strict=True):
        mine.assign(theirs)
    images = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(
        backbone(images)["C5"], original(images), rtol=1e-4, atol=1e-4
    )


def test_a_second_stage_goes_on_from_c4():
    whole = kit.built("densenet { second_stage: true }")
    assert whole.levels == ("C2", "C3", "C4")
    assert whole.second_stage.output_shape[-1] == 1024


def test_white_is_normalised(backbone):
    """(1 - .485) / .229 and so on."""
    white = backbone.normalize(np.full([1, 1, 1, 3], 255, np.uint8))
    np.testing.assert_allclose(white[0, 0, 0], [2.2489, 2.4286, 2.64], atol=1e-4)


def test_mistakes():
    with pytest.raises(ConfigError, match="121, 169 or 201"):
        kit.built("densenet { depth: 100 }")
