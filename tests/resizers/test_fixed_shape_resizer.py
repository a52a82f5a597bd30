"""Fixed shape: the whole image, stretched."""

import numpy as np
import pytest

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import image_resizer_pb2
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer


def test_stretches_to_its_shape():
    image = np.random.default_rng(0).uniform(0, 255, (20, 30, 3)).astype(np.float32)
    resizer = FixedShapeResizer(height=10, width=12)
    resized, true_shape = resizer(image)
    assert resized.shape == (10, 12, 3) and resizer.output_shape == (10, 12)
    assert list(true_shape.numpy()) == [10, 12]
    np.testing.assert_array_equal(resized[:, 0], image[::2, 0])


def test_image_of_its_size_is_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    resized, _ = FixedShapeResizer(height=8, width=9)(image)
    np.testing.assert_array_equal(resized, image.astype(np.float32))


def test_masks_go_with_the_image():
    mask = np.zeros((1, 4, 4), np.float32)
    mask[0, :2, :2] = 1
    resized = FixedShapeResizer(height=8, width=2).masks(mask)
    np.testing.assert_array_equal(resized[0], [[1, 0]] * 4 + [[0, 0]] * 4)


def test_grayscale_keeps_three_channels():
    resizer = FixedShapeResizer(height=2, width=2, convert_to_grayscale=True)
    image, _ = resizer(np.random.default_rng(0).uniform(size=(4, 4, 3)))
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


def test_from_the_config_slot():
    slot = image_resizer_pb2.ImageResizer()
    slot.fixed_shape_resizer.width = 200
    slot.fixed_shape_resizer.resize_method = image_resizer_pb2.NEAREST_NEIGHBOR
    assert build(slot).output_shape == (300, 200)
    slot.fixed_shape_resizer.height = 0
    with pytest.raises(ConfigError, match="height: is 0; it must be in 1"):
        build(slot)
