"""The block that pools: with one cell nothing is left of pooling but sums."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_gradients

from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.corner_pooling import top_left_pool
from od_api.layers.inner_pooling import cascade_top_left_pool
from od_api.layers.pooled_block import PooledBlock


def built(pool, looks):
    block = PooledBlock(ConvHyperparams(), pool, (2, 3), looks=looks, name="block")
    block.build((None, None, None, 4))
    for i, variable in enumerate(block.variables):
        variable.assign(tf.random.stateless_normal(variable.shape, (i, 1)))
    return block


def _read(layer, x):
    """[C] -> [C']: the centre tap of a convolution, and its bias."""
    kernel, bias = [*layer.get_weights(), 0.0][:2]
    return x @ kernel[len(kernel) // 2, len(kernel) // 2] + bias


def _block(chain, x):
    return np.maximum(_read(chain.steps[0], x), 0)


@pytest.mark.parametrize(
    ("pool", "looks"), [(top_left_pool, False), (cascade_top_left_pool, True)]
)
def test_of_one_cell(pool, looks):
    """Rows and columns are added, each with its look and through its kernel."""
    block, x = built(pool, looks), np.array([1.0, -2, 0.5, 3])
    sums = [_block(block._rows, x), _block(block._columns, x)]
    if looks:
        across, along = (_block(look, x) for look in block._looks)
        sums = [sums[0] + along, sums[1] + across]
        sums = [_read(k, one) for k, one in zip(block._between, sums, strict=True)]
    joined = _read(block._pooled.steps[0], sum(sums)) + _read(block._beside.steps[0], x)
    expected = _block(block._after, np.maximum(joined, 0))
    made = block(tf.constant(x[None, None, None], tf.float32))
    np.testing.assert_allclose(made[0, 0, 0], expected, rtol=1e-4, atol=1e-4)


def test_gradients():
    maps = tf.random.stateless_normal([1, 3, 4, 4], (5, 6))
    check_gradients(built(cascade_top_left_pool, True), maps)
