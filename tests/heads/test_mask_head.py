"""Mask R-CNN's mask branch: depth, sizes, order of steps."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.heads._mask_head import MaskHead, automatic_depth
from od_api.layers.conv_hyperparams import ConvHyperparams


def head_of(**settings):
    given = {
        "make": ConvHyperparams(),
        "size": (6, 8),
        "num_masks": 3,
        "num_classes": 3,
        "depth": 5,
        "num_convs": 2,
        "convolve_then_upsample": False,
    }
    return MaskHead(**given | settings)


FEATURES = np.random.default_rng(0).normal(size=(2, 3, 4, 7)).astype(np.float32)


@pytest.mark.parametrize(
    ("features", "classes", "depth"),
    [
        # (2 x 10 + 3 x 5) / 5 = 7.
        (1024, 32, 128),
        # (2 x 10 + 3 x 6.49) / 5 = 7.9, COCO's 90 classes.
        (1024, 90, 256),
        # (2 x 3 + 3 x 0) / 5 = 1.2.
        (8, 1, 2),
        (1, 1, 1),
    ],
)
def test_automatic_depth(features, classes, depth):
    assert automatic_depth(features, classes) == depth


@pytest.mark.parametrize("last", [False, True])
def test_both_orders_give_the_size_of_a_mask(last):
    """2 regions, 6 x 8, three masks, float32."""
    out = head_of(convolve_then_upsample=last)(FEATURES)
    assert out.shape == (2, 6, 8, 3) and out.dtype == tf.float32
    assert head_of(num_masks=1, convolve_then_upsample=last)(FEATURES).shape[-1] == 1


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        # 3 x 3 x 7 x 5 + 5 and 3 x 3 x 5 x 3 + 3.
        ({}, 320 + 138),
        # One convolution is the last alone: 3 x 3 x 7 x 3 + 3.
        ({"num_convs": 1}, 192),
        # Two more of 3 x 3 x 5 x 5 + 5.
        ({"num_convs": 4}, 320 + 2 * 230 + 138),
        # The enlarged features see one more.
        ({"convolve_then_upsample": True}, 320 + 230 + 138),
        # Depth 0: (2 x log2 7 + 3 x log2 3) / 5 = 2.07, so 4 channels.
        ({"depth": 0}, (9 * 7 * 4 + 4) + (9 * 4 * 3 + 3)),
    ],
)
def test_parameters(settings, parameters):
    head = head_of(**settings)
    head(FEATURES)
    assert head.count_params() == parameters


def test_features_are_enlarged_corner_on_corner():
    """A kernel that copies the middle: (0, 3) over four columns is 0, 1, 2, 3."""
    head = head_of(size=(1, 4), num_masks=1, num_convs=1)
    features = tf.constant([[[[0.0], [3.0]]]])
    head(features)
    kernel = np.zeros([3, 3, 1, 1])
    kernel[1, 1] = 1
    head.set_weights([kernel, np.zeros([1])])
    np.testing.assert_allclose(head(features)[0, 0, :, 0], [0, 1, 2, 3], atol=1e-6)


def test_enlarging_by_repeating_needs_a_multiple():
    with pytest.raises(ValueError, match=r"\(7, 8\) and must be multiples of .*3, 4"):
        head_of(size=(7, 8), convolve_then_upsample=True)(FEATURES)
