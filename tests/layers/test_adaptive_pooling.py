"""Means of bins of a map."""

import keras
import numpy as np
import pytest

from od_api.layers.adaptive_pooling import AdaptiveAveragePooling

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
