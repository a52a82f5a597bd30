"""Mask gating: soft arg-max by hand, its gradient, masks of one kind, products."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.mask_gate import (
    gated,
    nonzero_products,
    soft_argmax,
    surrogate_argmax,
)

ROW = tf.constant([1.0, 2, 3])
RNG = np.random.default_rng(0)
MAPS = {
    "C4": tf.constant(RNG.normal(size=(1, 4, 6, 3)), tf.float32),
    "C5": tf.constant(RNG.normal(size=(1, 2, 3, 5)), tf.float32),
}


def test_values():
    """(e^2 + 2 e^3) / (e + e^2 + e^3) of (1, 2, 3); nearly 2 with beta 10 (T68)."""
    e = np.e
    want = (e**2 + 2 * e**3) / (e + e**2 + e**3)
    assert float(soft_argmax(ROW)) == pytest.approx(want) == pytest.approx(1.575210)
    assert float(soft_argmax(ROW, 10.0)) == pytest.approx(1.999955, abs=1e-6)
    assert float(surrogate_argmax(ROW)) == 2


def test_gradient_of_the_surrogate_is_the_soft_one():
    found = []
    for function in (soft_argmax, surrogate_argmax):
        with tf.GradientTape() as tape:
            tape.watch(ROW)
            value = function(ROW, 2.0)
        found.append(tape.gradient(value, ROW).numpy())
    np.testing.assert_array_equal(*found)
    assert np.abs(found[0]).max() > 0


def _logits(foreground):
    foreground = np.asarray(foreground, np.float32)[None]
    return tf.constant(np.stack([-foreground, foreground], axis=-1))


def test_masks_of_one_kind():
    """All foreground changes nothing, all background leaves zeros."""
    for level, x in gated(MAPS, _logits(np.ones([4, 6]))).items():
        np.testing.assert_array_equal(x, MAPS[level])
    for x in gated(MAPS, _logits(-np.ones([4, 6]))).values():
        assert not x.numpy().any()


def test_half_of_a_map():
    """The left half is kept; of 3 cells in a row those of columns 0, 2 and 4 of 6."""
    kept = np.repeat([[1, 1, 1, -1, -1, -1]], 4, axis=0)
    made = gated(MAPS, _logits(kept))
    np.testing.assert_array_equal(made["C4"][:, :, :3], MAPS["C4"][:, :, :3])
    assert not made["C4"].numpy()[:, :, 3:].any()
    np.testing.assert_array_equal(made["C5"][:, :, :2], MAPS["C5"][:, :, :2])
    assert not made["C5"].numpy()[:, :, 2].any()
    soft = gated(MAPS, 0 * _logits(kept), mode="soft")
    np.testing.assert_allclose(soft["C4"], MAPS["C4"] / 2)
    with pytest.raises(ValueError, match="surrogate"):
        gated(MAPS, _logits(kept), mode="hard")


def test_products():
    """1x1: 24 cells of 3 channels to 5. 3x3 on 4 x 6 cells: 10 pairs of a row and a
    tap, 16 of a column and a tap. Half of the cells are half of them at 1x1."""
    x = tf.ones([1, 4, 6, 3])
    assert float(nonzero_products(x, 5, 1)) == 24 * 3 * 5
    assert float(nonzero_products(x, 5, 3)) == 10 * 16 * 3 * 5
    half = tf.concat([x[:, :, :3], tf.zeros([1, 4, 3, 3])], axis=2)
    assert float(nonzero_products(half, 5, 1)) == 12 * 3 * 5
