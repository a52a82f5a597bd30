"""The mask branch of the paper: sizes, parameters, what a cell becomes."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.heads._deconvolved_mask_head import DeconvolvedMaskHead
from od_api.layers.conv_hyperparams import ConvHyperparams


def head_of(**settings):
    given = {
        "make": ConvHyperparams(),
        "size": (6, 8),
        "num_masks": 3,
        "num_classes": 3,
        "depth": 5,
        "num_convs": 2,
    }
    return DeconvolvedMaskHead(**given | settings)


FEATURES = np.random.default_rng(0).normal(size=(2, 3, 4, 7)).astype(np.float32)


@pytest.mark.parametrize("convs, parameters", [(1, 320), (2, 320 + 230)])
def test_size_and_parameters(convs, parameters):
    """3 x 3 x 7 x 5 + 5, 3 x 3 x 5 x 5 + 5; 2 x 2 x 5 x 5 + 5, and 5 x 3 + 3."""
    head = head_of(num_convs=convs)
    out = head(FEATURES)
    assert out.shape == (2, 6, 8, 3) and out.dtype == tf.float32
    assert head.count_params() == parameters + 105 + 18


def test_of_the_paper_with_a_pyramid():
    """14 x 14 x 256, four convolutions, 28 x 28, 80 classes (T18)."""
    head = head_of(size=(28, 28), num_masks=80, num_classes=80, depth=256, num_convs=4)
    head.build((None, 14, 14, 256))
    assert head.count_params() == 4 * (9 * 256 * 256 + 256) + (
        4 * 256 * 256 + 256 + 256 * 80 + 80
    )


def test_every_cell_becomes_four():
    """Only the transposed kernel's corner (1, 0) has a weight: below, left."""
    head = head_of(num_convs=1, depth=1, num_masks=1)
    head(FEATURES)
    weights = {v.path.split("/", 2)[2]: v for v in head.weights}
    kernel = np.zeros((2, 2, 1, 1), np.float32)
    kernel[1, 0] = 1
    weights["double/kernel"].assign(kernel)
    weights["last/kernel"].assign(np.ones((1, 1, 1, 1)))
    out = head(FEATURES)[..., 0].numpy()
    assert (out[:, 1::2, ::2] != 0).any()
    assert not out[:, ::2].any() and not out[:, :, 1::2].any()


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r"doubles the region's \(3, 4\) features"):
        head_of(size=(15, 15))(FEATURES)
