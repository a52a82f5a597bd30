"""The two dense layers of a pyramid's second stage."""

import numpy as np
import tensorflow as tf
from kit import check_gradients, check_graph

from od_api.heads.fully_connected_regions import FullyConnectedRegions
from od_api.layers.conv_hyperparams import ConvHyperparams


def test_by_hand():
    """Cells (1, -2): ReLU(1 - 2 x 2) = 0, ReLU(3 + 2) = 5; then -5 + 7 = 2, and 0."""
    regions = FullyConnectedRegions(depth=2)
    crops = tf.constant([1.0, -2.0], shape=[1, 1, 2, 1])
    regions(crops)
    first = [[1.0, 3.0], [2.0, -1.0]], [0.0, 0.0]
    second = [[1.0, 1.0], [-1.0, -1.0]], [7.0, 0.0]
    regions.set_weights([np.array(x) for x in (*first, *second)])
    np.testing.assert_allclose(regions(crops), [[[[2, 0]]]])


def test_shapes_and_parameters():
    """7 x 7 x 3 = 147 inputs: (147 + 1) x 8 and (8 + 1) x 8."""
    regions = FullyConnectedRegions(depth=8)
    crops = tf.random.stateless_normal([5, 7, 7, 3], (1, 2))
    out = check_graph(regions, crops)
    assert out.shape == regions.compute_output_shape((5, 7, 7, 3)) == (5, 1, 1, 8)
    assert regions.count_params() == 148 * 8 + 9 * 8
    assert np.min(out) >= 0
    check_gradients(regions, crops)
    assert regions(crops[:0]).shape == (0, 1, 1, 8)


def test_each_region_for_itself():
    regions = FullyConnectedRegions(depth=4)
    crops = tf.random.stateless_normal([3, 2, 2, 2], (1, 2))
    together = regions(crops)
    for i in range(3):
        np.testing.assert_allclose(regions(crops[i : i + 1])[0], together[i], atol=1e-6)


def test_the_normaliser_stands_between_the_layers():
    """In training its outputs have mean 0; frozen, it keeps its statistics."""
    settings = ConvHyperparams(normalizer="batch_norm", activation="RELU")
    crops = tf.random.stateless_normal([6, 2, 2, 2], (1, 2))
    for freeze in (False, True):
        regions = FullyConnectedRegions(
            conv_hyperparams=settings, freeze_batch_norm=freeze, depth=4
        )
        regions(crops)
        names = [v.path.split("/")[-2] for v in regions.trainable_variables]
        assert ("norm" in names) is not freeze
        regions(crops, training=True)
        moved = next(v for v in regions.variables if v.path.endswith("moving_mean"))
        assert bool(np.any(moved)) is not freeze


def test_paths():
    regions = FullyConnectedRegions(depth=4)
    regions.build((None, 2, 2, 3))
    paths = [v.path for v in regions.variables]
    assert paths == [
        f"fully_connected_regions/{layer}/{v}"
        for layer in ("first", "second")
        for v in ("kernel", "bias")
    ]
