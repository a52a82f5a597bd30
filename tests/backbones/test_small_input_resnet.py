"""ResNet for small images: sizes, where it is the plain one, weights, refusals."""

import backbone_kit as kit
import keras
import numpy as np
import pytest

from od_api.core.errors import ConfigError


@pytest.fixture(scope="module")
def for_48():
    return kit.built("small_input_resnet {}")


def test_images_of_48_pixels(for_48):
    """A 3x3 kernel of stride 1, and no pool: 9 * 3 * 64 where Keras has 49 * 3 * 64."""
    original = keras.applications.ResNet50(include_top=False, weights=None)
    less = (49 - 9) * 3 * 64
    assert for_48.network.count_params() == original.count_params() - less
    first = for_48.network.get_layer("conv1_conv")
    assert tuple(first.compute_output_shape((1, 50, 50, 3))) == (1, 48, 48, 64)
    assert for_48.strides == {"C2": 1, "C3": 2, "C4": 4, "C5": 8}
    assert kit.sizes(for_48, 48) == [48, 24, 12, 6]
    assert kit.sizes(for_48, 49) == [49, 25, 13, 7]
    kit.check_names(for_48)


@pytest.mark.parametrize("padding", ["fixed", "same"])
def test_images_of_96_pixels(padding):
    """A 5x5 kernel of stride 2."""
    backbone = kit.built(
        "small_input_resnet { stem_kernel: 5 stem_stride: 2 second_stage: true "
        f'stem_padding: "{padding}" }}'
    )
    assert backbone.strides == {"C2": 2, "C3": 4, "C4": 8}
    assert kit.sizes(backbone, 96) == [48, 24, 12]
    assert kit.sizes(backbone, 97) == [49, 25, 13]
    assert backbone.second_stage.output_shape[-1] == 2048


def test_stem_of_the_plain_network_gives_its_values(tmp_path, for_48):
    """And a file of its weights fits but for a kernel of another size."""
    original = keras.applications.ResNet50(include_top=False, weights=None)
    original.save(tmp_path / "plain.h5")
    plain = kit.built(
        "small_input_resnet { stem_kernel: 7 stem_stride: 2 stem_pool: true "
        f'weights: "{tmp_path / "plain.h5"}" }}'
    )
    assert plain.strides["C5"] == 32
    images = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(
        plain(images)["C5"], original(images), rtol=1e-4, atol=1e-4
    )
    for_48.load_weights(tmp_path / "plain.h5")
    name = "conv5_block3_3_conv"
    np.testing.assert_array_equal(
        for_48.network.get_layer(name).kernel, original.get_layer(name).kernel
    )


@pytest.mark.parametrize(
    "text",
    ["depth: 18", "stem_kernel: 4", "stem_stride: 3", 'stem_padding: "valid"'],
)
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"small_input_resnet {{ {text} }}")
