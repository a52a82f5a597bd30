"""The head of Cascade RPN: what a stage reads, hands on and predicts."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core.types import Priors
from od_api.heads.cascade_rpn_predictor import CascadeRpnPredictor
from od_api.layers.conv_hyperparams import ConvHyperparams

SIDES = {"P3": (4, 6), "P4": (2, 3)}
STRIDES = {"P3": 8.0, "P4": 16.0}


def head_of(**arguments):
    context = {"num_classes": 1, "add_background_class": True}
    arguments = {"anchors_per_location": [1, 1], "depth": 8, **context, **arguments}
    return CascadeRpnPredictor(**arguments)


def features(depth=5, batch=2):
    return {
        level: tf.random.stateless_normal([batch, *side, depth], (side[0], 1))
        for level, side in SIDES.items()
    }


def priors(scale=2.0):
    """Boxes of `scale` cells around each cell."""
    boxes, strides, levels = [], [], []
    for i, (level, side) in enumerate(SIDES.items()):
        stride = STRIDES[level]
        y, x = np.meshgrid(*(stride * np.arange(n) for n in side), indexing="ij")
        half = scale * stride / 2
        boxes.append(np.stack([y - half, x - half, y + half, x + half], -1))
        strides += [[stride, stride]] * y.size
        levels += [i] * y.size
    boxes = np.concatenate([one.reshape(-1, 4) for one in boxes])
    return Priors(
        tf.constant(boxes, tf.float32),
        tf.constant(strides, tf.float32),
        tf.constant(levels),
        tf.ones([len(levels)], tf.bool),
    )


def test_shapes_parameters_and_what_is_handed_on():
    """24 + 6 cells; a 3x3 kernel, 4 codes and 2 logits, whatever the levels."""
    head = head_of()
    out = head(features(), priors())
    assert out["class_logits"].shape == (2, 30, 2)
    assert out["box_codes"].shape == (2, 30, 4)
    assert {n: x.shape for n, x in out["maps"].items()} == {
        "P3": (2, 4, 6, 8),
        "P4": (2, 2, 3, 8),
    }
    assert head.handed_on == 8
    assert head.count_params() == (9 * 5 + 1) * 8 + (8 + 1) * (4 + 2)


def test_without_classes():
    """Logits of 0, and no weights of theirs: the classifier is the last stage's."""
    head = head_of(predict_classes=False)
    out = head(features(), priors())
    np.testing.assert_array_equal(out["class_logits"], np.zeros((2, 30, 2)))
    assert head.count_params() == (9 * 5 + 1) * 8 + (8 + 1) * 4


@pytest.mark.parametrize(("bin_centres", "cells"), [(False, 2.0), (True, 3.0)])
def test_adaptive_over_regular_priors_is_plain(bin_centres, cells):
    """Priors of two cells around their cells, of which the taps are edges and corners,
    or of three, whose bins are cells."""
    plain = head_of(dilation=1)
    adaptive = head_of(adaptive=True, bin_centres=bin_centres)
    want = plain(features(), priors())
    adaptive(features(), priors())
    for mine, theirs in zip(adaptive.weights, plain.weights, strict=True):
        mine.assign(theirs)
    got = adaptive(features(), priors(cells))
    np.testing.assert_allclose(got["box_codes"], want["box_codes"], atol=1e-4)
    moved = adaptive(features(), priors(cells + 1))
    assert np.abs(moved["box_codes"] - want["box_codes"]).max() > 1e-3


def test_priors_of_each_image():
    head = head_of(adaptive=True)
    one, other = priors(3.0), priors(5.0)
    both = one._replace(boxes=tf.stack([one.boxes, other.boxes]))
    got = head(features(), both)["box_codes"]
    for i, single in enumerate((one, other)):
        want = head(features(), single)["box_codes"][i]
        np.testing.assert_allclose(got[i], want, atol=1e-4)


def test_settings_and_unknown_sizes():
    make = ConvHyperparams(initializer=None)
    head = head_of(adaptive=True, conv_hyperparams=make)
    want = head(features(), priors())["box_codes"]
    spec = {n: tf.TensorSpec([None, None, None, 5]) for n in SIDES}
    run = tf.function(lambda x: head(x, priors())["box_codes"], input_signature=[spec])
    np.testing.assert_allclose(run(features()), want, atol=1e-5)


def test_refusals():
    with pytest.raises(ValueError, match="one anchor at each location"):
        head_of(anchors_per_location=[3, 3])
    with pytest.raises(ValueError, match="adaptive: true"):
        head_of(bin_centres=True)
    with pytest.raises(ValueError, match="one depth"):
        head_of().build({"P3": (None, 4, 4, 5), "P4": (None, 2, 2, 6)})
