"""Pad to multiple: zeros around untouched pixels."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.resizers.pad_to_multiple_resizer import PadToMultipleResizer


@pytest.mark.parametrize(
    ("shape", "padded"), [((5, 8), (8, 8)), ((16, 9), (16, 16)), ((1, 1), (8, 8))]
)
def test_padded_size(shape, padded):
    resizer = PadToMultipleResizer(multiple=8)
    image, true_shape = resizer(tf.ones([*shape, 3]))
    assert image.shape == (*padded, 3) and tuple(true_shape.numpy()) == shape
    assert float(tf.reduce_sum(image)) == 3 * shape[0] * shape[1]
    np.testing.assert_array_equal(image[: shape[0], : shape[1]], tf.ones([*shape, 3]))
    assert resizer.masks(tf.zeros([0, *shape])).shape == (0, *padded)


def test_multiple_of_zero():
    with pytest.raises(ValueError, match="multiple is 0; it must be in 1"):
        PadToMultipleResizer(multiple=0)
