"""Means and maxima of bins of a map."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.adaptive_pooling import AdaptiveAveragePooling, bin_maxima

NOISE = np.random.default_rng(0).normal(size=(2, 7, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("bins", [1, 2, 3, 6, 9])
def test_against_slices(bins):
    """Bin i covers floor(i h / n) to ceil((i + 1) h / n), row by row."""
    x = keras.Input([None, None, 3])
    layer = AdaptiveAveragePooling.from_config(
        AdaptiveAveragePooling(bins).get_config()
    )
    made = keras.Model(x, layer(x))(NOISE).numpy()
    assert made.shape == (2, bins, bins, 3)
    for i in range(bins):
        rows = slice(i * 7 // bins, -(-(i + 1) * 7 // bins))
        for j in range(bins):
            columns = slice(j * 4 // bins, -(-(j + 1) * 4 // bins))
            expected = NOISE[:, rows, columns].mean(axis=(1, 2))
            np.testing.assert_allclose(made[:, i, j], expected, atol=1e-6)


@pytest.mark.parametrize("bins", [(4, 2), (9, 5)])
def test_maxima_against_slices(bins):
    """7 rows in 4 bins: cells 0 and 1, 1 to 3, 3 to 5, 5 and 6; negative ones, too."""
    spec = [tf.TensorSpec([None, None, None, 3])]
    unknown = tf.function(lambda x: bin_maxima(x, *bins), input_signature=spec)
    made = bin_maxima(tf.constant(NOISE - 9), *bins).numpy()
    np.testing.assert_array_equal(unknown(NOISE - 9), made)
    assert made.shape == (2, *bins, 3)
    for i in range(bins[0]):
        rows = slice(i * 7 // bins[0], -(-(i + 1) * 7 // bins[0]))
        for j in range(bins[1]):
            columns = slice(j * 4 // bins[1], -(-(j + 1) * 4 // bins[1]))
            expected = (NOISE - 9)[:, rows, columns].max(axis=(1, 2))
            np.testing.assert_array_equal(made[:, i, j], expected)


def test_gradient_of_maxima():
    """A cell of two bins gets what both give: of 3 in 2 bins the middle one has all."""
    row = tf.reshape([1.0, 5.0, 2.0], [1, 1, 3, 1])
    with tf.GradientTape() as tape:
        tape.watch(row)
        total = tf.reduce_sum(bin_maxima(row, 1, 2))
    np.testing.assert_array_equal(tape.gradient(total, row)[0, 0, :, 0], [0, 2, 0])
