import numpy as np
import pytest
import tensorflow as tf

from od_api.optim.gradients import (
    clip_by_global_norm,
    multiply_bias_gradients,
    reduce_gradients,
)


def test_clipping_by_hand():
    """Norm of (3, 4) is 5; a limit of 1 scales both by a fifth."""
    gradients = {"a": tf.constant([3.0]), "none": None, "b": tf.constant([4.0])}
    clipped, norm = clip_by_global_norm(gradients, 1.0)
    assert list(clipped) == ["a", "none", "b"] and clipped["none"] is None
    np.testing.assert_allclose(clipped["a"], [0.6], rtol=1e-6)
    np.testing.assert_allclose(clipped["b"], [0.8], rtol=1e-6)
    assert float(norm) == pytest.approx(5.0)


@pytest.mark.parametrize("limit", [0.0, 6.0])
def test_no_limit_or_a_wide_one_changes_nothing(limit):
    gradients = {"a": tf.constant([3.0]), "b": tf.constant([4.0])}
    clipped, norm = clip_by_global_norm(gradients, limit)
    assert [float(g[0]) for g in clipped.values()] == [3.0, 4.0]
    assert float(norm) == pytest.approx(5.0)


def test_infinite_gradient_is_not_hidden():
    gradients = {"a": tf.constant([np.inf]), "b": tf.constant([1.0])}
    clipped, norm = clip_by_global_norm(gradients, 1.0)
    assert not np.isfinite(norm)
    assert np.isnan(clipped["b"][0])


def test_bias_multiplier_takes_biases_only():
    names = ["head/box/bias", "head/box/kernel", "backbone/bn/beta", "bias", "unbias"]
    gradients = {**{name: tf.constant(1.0) for name in names}, "x/bias": None}
    changed = multiply_bias_gradients(gradients, 2.0)
    doubled = [name for name in names if float(changed[name]) == 2.0]
    assert doubled == ["head/box/bias", "bias"]
    assert changed["x/bias"] is None


def test_bias_multiplier_0_is_the_schemas_way_to_say_1():
    gradients = {"bias": tf.constant(3.0)}
    assert float(multiply_bias_gradients(gradients, 0.0)["bias"]) == 3.0


def test_one_replica_has_nothing_to_sum():
    gradients = {"a": tf.constant(3.0), "b": None}
    assert reduce_gradients(gradients) == gradients
