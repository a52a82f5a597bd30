"""TensorFlow's suppression kernel over leading axes: each row is the kernel's own."""

import numpy as np
import tensorflow as tf
from kit import random_boxes

from od_api.layers.nms_kernel import NmsKernel

# IoU(A, B) = IoU(B, C) = 7/13 = .538, IoU(A, C) = .25.
ABC = np.array([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]], np.float32)


def test_by_hand():
    """A drops B; what is behind C is 0 and -inf. A floor of .7 leaves A alone."""
    rows, scores = NmsKernel(0.5)(ABC, np.float32([0.9, 0.8, 0.7]), 3, 0.0)
    assert rows.numpy().tolist() == [0, 2, 0]
    np.testing.assert_array_equal(scores, np.float32([0.9, 0.7, -np.inf]))
    _, scores = NmsKernel(0.5)(ABC, np.float32([0.9, 0.8, 0.7]), 3, np.float32(0.7))
    assert np.isfinite(scores).sum() == 1


def test_soft_by_hand():
    """C: .7 exp(-.25^2 / .5) = .617748."""
    rows, scores = NmsKernel(0.5, 0.25)(ABC, np.float32([0.9, 0.8, 0.7]), 2, 0.0)
    assert rows.numpy().tolist() == [0, 2]
    np.testing.assert_allclose(scores, [0.9, 0.617748], atol=1e-6)


def test_leading_axes_are_rows_of_their_own():
    rng = np.random.default_rng(0)
    boxes = random_boxes(rng, 2, 40, size=30.0)[:, None]
    scores = rng.uniform(size=(2, 3, 40)).astype(np.float32)
    kernel = NmsKernel(0.4)
    rows, values = kernel(tf.constant(boxes), tf.constant(scores), 10, 0.1)
    assert rows.shape == values.shape == (2, 3, 10)
    for b in range(2):
        for k in range(3):
            alone = kernel(boxes[b, 0], scores[b, k], 10, 0.1)
            np.testing.assert_array_equal(rows[b, k], alone[0])
            np.testing.assert_array_equal(values[b, k], alone[1])


def test_an_axis_of_unknown_size():
    spec = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None])]
    graph = tf.function(lambda b, s: NmsKernel(0.5)(b, s, 2, 0.0), input_signature=spec)
    rows, _ = graph(ABC[None], np.float32([[0.9, 0.8, 0.7], [0.1, 0.3, 0.2]]))
    assert rows.numpy().tolist() == [[0, 2], [1, 0]]
    assert graph(ABC[None], np.zeros([0, 3], np.float32))[0].shape == (0, 2)
