"""Batch norm on two replicas (logical CPUs) beside one device; prints what agrees."""

import numpy as np
import tensorflow as tf

from od_api.core.replicas import average_statistics
from od_api.layers.fused_batch_norm import (
    FusedBatchNormalization,
    drifting_statistics,
)


def made(**options):
    layer = FusedBatchNormalization(momentum=0.7, **options)
    layer.build([None, 4, 5, 3])
    layer.gamma.assign([0.5, 1.0, 2.0])
    return layer


def run(strategy, layer, shares, average=False):
    """(outputs, gradient of inputs, gradient of scale) of sum(cubes), all shares.

    Each row's cubes are multiplied by its number, so that the rows' gradients differ.
    """
    numbers = np.arange(sum(len(share) for share in shares), dtype=np.float32)

    @tf.function
    def step(inputs, numbers):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs**3 * numbers[:, None, None, None])
        gradients = tape.gradient(loss, [inputs, layer.gamma.value])
        if average:
            average_statistics(drifting_statistics({"layer": layer}))
        return outputs, *gradients

    starts = np.cumsum([0, *map(len, shares)])
    values = [
        (x, numbers[a : a + len(x)]) for x, a in zip(shares, starts, strict=False)
    ]
    if len(shares) == 1:
        return step(*map(tf.constant, values[0]))
    per_replica = strategy.experimental_distribute_values_from_function(
        lambda context: tuple(
            map(tf.constant, values[context.replica_id_in_sync_group])
        )
    )
    results = strategy.run(step, args=per_replica)
    outputs, of_inputs, of_scale = map(strategy.experimental_local_results, results)
    return tf.concat(outputs, 0), tf.concat(of_inputs, 0), tf.add_n(of_scale)


def statistics(strategy, layer):
    """[mean of each replica], [variance of each replica]."""
    return [
        [copy.numpy() for copy in strategy.experimental_local_results(average.value)]
        for average in (layer.moving_mean, layer.moving_variance)
    ]


def compare_synchronized(strategy, sizes, **options):
    """Three steps; the inputs have mean 3 and deviation 2."""
    with strategy.scope():
        together = made(synchronized=True, **options)
    alone = made(synchronized=True, **options)
    for seed in range(3):
        rows = tf.random.stateless_normal([sum(sizes), 4, 5, 3], [seed, 1]) * 2 + 3
        shares = [share.numpy() for share in tf.split(rows, sizes)]
        got = run(strategy, together, shares)
        want = run(None, alone, [rows.numpy()])
        for one, other in zip(got, want, strict=True):
            scale = np.abs(other).max()
            np.testing.assert_allclose(one / scale, other / scale, atol=2e-5)
    for copies, average in zip(
        statistics(strategy, together),
        (alone.moving_mean, alone.moving_variance),
        strict=True,
    ):
        for copy in copies:
            np.testing.assert_allclose(copy, average, rtol=1e-5)


def compare_averaged(strategy):
    """Inputs 1, 3 and 5, 9: means 2 and 7, variances 2 and 8, without bias.

    With momentum .7 the averages are .3 * 2 = .6 and .3 * 7 = 2.1, together 1.35; the
    variances .7 + .3 * 2 = 1.3 and .7 + .3 * 8 = 3.1, together 2.2.
    """
    with strategy.scope():
        drifting, averaged = made(), made()
    shares = [
        np.broadcast_to(np.float32(pair)[:, None, None, None], [2, 1, 1, 3])
        for pair in ([1, 3], [5, 9])
    ]
    run(strategy, drifting, shares)
    means, variances = statistics(strategy, drifting)
    np.testing.assert_allclose(means, [[0.6] * 3, [2.1] * 3], rtol=1e-5)
    np.testing.assert_allclose(variances, [[1.3] * 3, [3.1] * 3], rtol=1e-5)
    run(strategy, averaged, shares, average=True)
    means, variances = statistics(strategy, averaged)
    np.testing.assert_allclose(means, [[1.35] * 3] * 2, rtol=1e-5)
    np.testing.assert_allclose(variances, [[2.2] * 3] * 2, rtol=1e-5)


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    compare_synchronized(strategy, [2, 2])
    print("synchronised is one device")
    compare_synchronized(strategy, [1, 3])
    print("shares of different sizes")
    compare_averaged(strategy)
    print("averaged statistics")


if __name__ == "__main__":
    main()
