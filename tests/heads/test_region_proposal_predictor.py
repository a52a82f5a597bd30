"""The first stage's head: shapes, shared weights, order, settings."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.heads.region_proposal_predictor import RegionProposalPredictor
from od_api.layers.conv_hyperparams import ConvHyperparams


def head_of(levels=2, **arguments):
    arguments = {"anchors_per_location": [3] * levels, "depth": 8, **arguments}
    return RegionProposalPredictor(**arguments)


def features(*sides, depth=5):
    return {
        f"P{i}": tf.random.stateless_normal([2, side, side, depth], (i, 1))
        for i, side in enumerate(sides, 3)
    }


def test_shapes_and_parameter_count():
    """(16 + 4) * 3 anchors; one set of weights whatever the number of levels."""
    head = head_of()
    out = head(features(4, 2))
    assert list(out) == ["class_logits", "box_codes"]
    assert out["class_logits"].shape == (2, 60, 2)
    assert out["box_codes"].shape == (2, 60, 4)
    assert head.count_params() == (9 * 5 + 1) * 8 + (8 + 1) * 3 * (2 + 4)


def test_levels_share_weights_and_come_one_after_another():
    head = head_of()
    maps = features(4, 2)
    both = head(maps)
    swapped = head({"P3": maps["P4"], "P4": maps["P3"]})
    for name, value in both.items():
        expected = tf.concat([swapped[name][:, 12:], swapped[name][:, :12]], axis=1)
        np.testing.assert_allclose(value, expected, atol=1e-5)


def test_predictors_per_level():
    """What a level's own predictors say is in the rows of that level alone; the first
    convolution is of all, and levels may have other numbers of anchors."""
    head = head_of(predictors_per_level=True, anchors_per_location=[3, 2])
    maps = features(4, 2)
    before = head(maps)
    assert before["box_codes"].shape == (2, 16 * 3 + 4 * 2, 4)
    assert head.count_params() == (9 * 5 + 1) * 8 + (8 + 1) * (3 + 2) * (2 + 4)
    weights = {v.path.split("/", 1)[1]: v for v in head.variables}
    assert "class_P3/kernel" in weights
    weights["box_P4/bias"].assign_add(np.ones(8))
    after = head(maps)
    np.testing.assert_array_equal(after["class_logits"], before["class_logits"])
    np.testing.assert_array_equal(
        after["box_codes"][:, :48], before["box_codes"][:, :48]
    )
    np.testing.assert_allclose(
        after["box_codes"][:, 48:], before["box_codes"][:, 48:] + 1, atol=1e-5
    )


def test_predictors_per_level_with_one_set_of_weights_are_those_of_all_levels():
    shared, own = head_of(), head_of(predictors_per_level=True)
    maps = features(4, 2)
    expected, _ = shared(maps), own(maps)
    values = {v.path.split("/", 1)[1]: v for v in shared.variables}
    for variable in own.variables:
        name = variable.path.split("/", 1)[1]
        variable.assign(values[name.replace("_P3", "").replace("_P4", "")])
    for name, value in own(maps).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)


def test_rows_go_by_cell_then_anchor():
    """1x1 kernels of 1: cells 2 and 9, of which relu6 makes 2 and 6; biases count."""
    head = head_of(levels=1, depth=1, kernel_size=1, anchors_per_location=[2])
    head({"C4": tf.zeros([1, 1, 2, 1])})
    weights = {v.path.split("/", 1)[1]: v for v in head.variables}
    weights["shared/conv/kernel"].assign([[[[1.0]]]])
    weights["class/kernel"].assign(np.ones((1, 1, 1, 4)))
    weights["class/bias"].assign([0.0, 10.0, 20.0, 30.0])
    out = head({"C4": tf.constant([2.0, 9.0], shape=[1, 1, 2, 1])})
    np.testing.assert_allclose(
        out["class_logits"][0], [[2, 12], [22, 32], [6, 16], [26, 36]]
    )


def test_atrous_rate_widens_the_window():
    """A 3x3 window of rate 2 reaches 2 cells, and not those between."""
    head = head_of(levels=1, depth=1, atrous_rate=2)
    impulse = np.zeros((1, 9, 9, 1), np.float32)
    head({"C4": impulse})
    weights = {v.path.split("/", 1)[1]: v for v in head.variables}
    weights["shared/conv/kernel"].assign(np.ones((3, 3, 1, 1)))
    weights["class/kernel"].assign(np.ones((1, 1, 1, 6)))
    impulse[0, 4, 4] = 1
    out = head({"C4": tf.constant(impulse)})["class_logits"]
    seen = out.numpy().reshape(9, 9, 6)[..., 0]
    rows, columns = np.nonzero(seen)
    assert set(rows) == set(columns) == {2, 4, 6} and len(rows) == 9


def test_settings():
    """Normaliser and activation: relu6 whatever the settings say, no bias with a norm.

    No activation would leave negative numbers, and relu large ones.
    """
    make = ConvHyperparams(activation="NONE", normalizer="batch_norm")
    head = head_of(conv_hyperparams=make)
    head(features(4, 2))
    paths = {v.path.split("/", 1)[1] for v in head.variables}
    assert "shared/norm/moving_mean" in paths
    assert "shared/conv/bias" not in paths and "class/bias" in paths
    shared = head._shared(100 * features(4)["P3"]).numpy()
    assert shared.min() == 0 and shared.max() == 6


def test_unknown_sizes_and_gradients():
    head = head_of()
    maps = features(4, 2)
    expected = head(maps)
    spec = tf.TensorSpec([None, None, None, 5])
    traced = tf.function(lambda x: head(x)).get_concrete_function(
        dict.fromkeys(maps, spec)
    )
    for name, value in traced({n: m[1:] for n, m in maps.items()}).items():
        np.testing.assert_allclose(value, expected[name][1:], atol=1e-5)
    with tf.GradientTape() as tape:
        out = head(maps, training=True)
        loss = sum(tf.reduce_mean(one**2) for one in out.values())
    weights = [v.value for v in head.trainable_variables]
    for gradient in tape.gradient(loss, weights):
        assert np.isfinite(gradient).all() and np.any(gradient)


def test_refused():
    with pytest.raises(ValueError, match=r"number of anchors on each, not \[3, 6\]"):
        head_of(anchors_per_location=[3, 6])
    with pytest.raises(ValueError, match="atrous_rate is 0"):
        head_of(atrous_rate=0)
    with pytest.raises(ValueError, match=r"2 levels \(P3, P4\) and .* has 1"):
        head_of(levels=1)(features(4, 2))
    with pytest.raises(ValueError, match=r"depth on each, not {'P3': 5, 'P4': 7}"):
        head_of()({**features(4), "P4": tf.zeros([2, 2, 2, 7])})
