"""Dropout's state and its numbers."""

import numpy as np
import tensorflow as tf

from od_api.layers.chain import Chain
from od_api.layers.dropout import Dropout


def test_share_of_zeros_and_mean_are_kept():
    """Rate .2 over 10,000 ones: about 2,000 zeros (sigma 40), the rest 1 / .8."""
    layer = Dropout(0.2, name="dropout")
    y = layer(tf.ones([100, 100]), training=True).numpy()
    assert 1800 < np.sum(y == 0) < 2200
    np.testing.assert_allclose(y[y != 0], 1.25)
    np.testing.assert_array_equal(layer(tf.ones([100, 100])), 1.0)


def test_path_does_not_depend_on_what_was_made_before():
    for _ in range(2):
        chain = Chain([Dropout(0.5, name="dropout")], name="head")
        chain.build((1, 4))
        paths = [v.path for v in chain.variables]
        assert paths == ["head/dropout/seed/seed_generator_state"]


def test_restored_state_repeats_the_numbers():
    layer = Dropout(0.5, name="dropout")
    layer.build((1, 64))
    (state,) = layer.variables
    saved = state.numpy()
    run = tf.function(lambda: layer(tf.ones([1, 64]), training=True))
    first, second = run(), run()
    assert not np.array_equal(first, second)
    state.assign(saved)
    np.testing.assert_array_equal(run(), first)


def test_whole_rows():
    """Rate .5 over 1,000 rows: each is all 0 or all 2; about 500 are 0 (sigma 16)."""
    layer = Dropout(0.5, name="dropout", whole_rows=True)
    y = layer(tf.ones([1000, 2, 2, 3]), training=True).numpy().reshape([1000, -1])
    assert set(np.unique(y)) == {0.0, 2.0} and (y == y[:, :1]).all()
    assert 400 < np.sum(y[:, 0] == 0) < 600
