"""Max pooling over cells that lie apart."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.dilated_max_pooling import DilatedMaxPooling2D


def test_by_hand():
    """One row, 2 apart: cell 0 sees 5 and 3, cell 1 sees 1 and 4, cell 2 sees 5, 3 and
    2; negative values win where they stand alone."""
    row = tf.constant([5.0, 1.0, 3.0, 4.0, 2.0])[None, None, :, None]
    pool = DilatedMaxPooling2D(dilation=2)
    np.testing.assert_array_equal(tf.squeeze(pool(row)), [5, 4, 5, 4, 3])
    np.testing.assert_array_equal(tf.squeeze(pool(-row)), [-3, -1, -2, -1, -2])


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_every_phase_is_pooled_by_itself(dilation):
    """The cells of one phase are pooled as a map of their own, borders included."""
    maps = tf.random.stateless_normal([2, 11, 8, 3], seed=[1, 2])
    got = tf.function(DilatedMaxPooling2D(dilation=dilation))(maps)
    plain = keras.layers.MaxPooling2D(3, 1, padding="same")
    for row in range(dilation):
        for column in range(dilation):
            phase = np.s_[:, row::dilation, column::dilation]
            np.testing.assert_array_equal(got[phase], plain(maps[phase]))


def test_half_precision_and_unknown_sizes():
    images = keras.Input([None, None, 3])
    outputs = DilatedMaxPooling2D(dilation=2, dtype="float16")(images)
    assert outputs.shape == (None, None, None, 3) and outputs.dtype == "float16"
