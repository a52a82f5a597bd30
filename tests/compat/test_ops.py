"""What notebooks take of `utils.ops`."""

import numpy as np
import pytest

from od_api.compat import ops


def test_masks_of_boxes_become_masks_of_the_image():
    masks = np.array([[[0.9, 0.9], [0.9, 0.9]], [[0.1, 0.1], [0.1, 0.1]]], np.float32)
    boxes = [[0.2, 0.1, 0.6, 0.5], [0.0, 0.0, 1.0, 1.0]]
    whole = ops.reframe_box_masks_to_image_masks(masks, boxes, 11, 21).numpy()
    assert whole.shape == (2, 11, 21) and whole.dtype == np.float32
    # Pixel i of n lies at i / (n - 1).
    rows, columns = np.mgrid[0:11, 0:21]
    inside = (abs(rows / 10 - 0.4) < 0.201) & (abs(columns / 20 - 0.3) < 0.201)
    np.testing.assert_array_equal(whole[0], inside)
    assert not whole[1].any()


def test_other_methods_are_refused():
    with pytest.raises(ValueError, match="bilinear"):
        ops.reframe_box_masks_to_image_masks([], [], 2, 2, "nearest")
