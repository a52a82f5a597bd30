"""Image resizers against the old API's: pixels, masks and true shapes."""

import golden_inputs
import golden_store
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import image_resizer_pb2

CASES = golden_store.load("resizers")


def resized(name):
    """(image, true shape, masks, case) of ours."""
    case = CASES[name]
    resizer = build(text_format.Parse(case["config"], image_resizer_pb2.ImageResizer()))
    height, width = case["image_shape"]
    image, shape = resizer(golden_inputs.image(20, height, width))
    masks = golden_inputs.image(21, height, width)[..., :2] > 127
    masks = resizer.masks(masks.transpose(2, 0, 1).astype(np.float32))
    return image.numpy(), shape.numpy(), masks.numpy(), case


@pytest.mark.parametrize("name", sorted(set(CASES) - {"fixed_gray"}))
def test_pixels_and_true_shape_are_the_old_ones(name):
    image, shape, masks, case = resized(name)
    np.testing.assert_allclose(image, case["resized"], rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(shape, case["true_shape"][:2])
    np.testing.assert_array_equal(masks > 0.5, case["masks"])


def test_gray_images_keep_three_equal_channels():
    """The old resizer left one channel; ours repeats it, for backbones take three."""
    image, shape, _, case = resized("fixed_gray")
    old = np.repeat(case["resized"], 3, axis=-1)
    np.testing.assert_allclose(image, old, rtol=1e-5, atol=1e-2)
    np.testing.assert_array_equal(shape, case["true_shape"][:2])
