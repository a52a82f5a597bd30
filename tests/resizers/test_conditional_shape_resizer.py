"""Conditional shape: only what is too large, or too small, changes."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.resizers.conditional_shape_resizer import ConditionalShapeResizer


@pytest.mark.parametrize(
    ("condition", "shape", "size"),
    [
        ("GREATER", (600, 400), (300, 200)),
        ("GREATER", (200, 100), (200, 100)),
        # 300 / 601 * 401 = 200.17, cut to 200.
        ("GREATER", (601, 401), (300, 200)),
        ("SMALLER", (100, 150), (300, 450)),
        ("SMALLER", (400, 500), (400, 500)),
    ],
)
def test_size(condition, shape, size):
    resizer = ConditionalShapeResizer(condition=condition)
    image, true_shape = resizer(tf.zeros([*shape, 3]))
    assert image.shape == (*size, 3)
    assert tuple(true_shape.numpy()) == size
    assert resizer.masks(tf.zeros([2, *shape])).shape == (2, *size)


def test_corners_stay_where_they_are():
    ramp = np.arange(36, dtype=np.float32).reshape(6, 6, 1).repeat(3, -1)
    image, _ = ConditionalShapeResizer(size_threshold=4)(ramp)
    np.testing.assert_allclose(image[0, :, 0], [0, 5 / 3, 10 / 3, 5], rtol=1e-6)


def test_bad_condition():
    with pytest.raises(ValueError, match="GREATER or SMALLER, not INVALID"):
        ConditionalShapeResizer(condition="INVALID")
