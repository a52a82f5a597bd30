"""What the tests of the region operators share."""

import kit
import numpy as np
import tensorflow as tf

IMAGE = (76, 100)
CHANNELS = 18


def features(seed=0, batch=2, height=19, width=25, channels=CHANNELS):
    """[B, h, w, C] float32 in 0..1, no two values of a map alike."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (batch, height, width, channels)).astype(np.float32)


def boxes():
    """[2, 12, 4] pixels: inside, on the edges, across them, outside, without area."""
    inside = kit.random_boxes(np.random.default_rng(1), 2, 6, size=76)
    special = np.float32(
        [
            [0, 0, 76, 100],
            [40.3, 61.7, 76, 100],
            [-13.2, -7.9, 30.1, 41.3],
            [50.3, 77.7, 95.9, 131.1],
            [120.3, 140.2, 150.7, 171.9],
            [33.1, 44.3, 33.1, 44.3],
        ]
    )
    return np.concatenate([inside, np.stack([special, special + 0.37])], axis=1)


def reference_crop(feature_map, box, image_shape, size):
    """[h, w, C], [4] -> [ch, cw, C], one sample after the other."""
    lengths = feature_map.shape[:2]
    places = []
    for axis in (0, 1):
        low, high = box[axis] / image_shape[axis], box[axis + 2] / image_shape[axis]
        share = np.linspace(0, 1, size[axis]) if size[axis] > 1 else np.array([0.5])
        places.append((low + (high - low) * share) * (lengths[axis] - 1))
    crop = np.zeros((*size, feature_map.shape[2]))
    for i, y in enumerate(places[0]):
        for j, x in enumerate(places[1]):
            if not (0 <= y <= lengths[0] - 1 and 0 <= x <= lengths[1] - 1):
                continue
            for row in {int(np.floor(y)), int(np.ceil(y))}:
                for column in {int(np.floor(x)), int(np.ceil(x))}:
                    weight = (1 - abs(y - row)) * (1 - abs(x - column))
                    crop[i, j] += weight * feature_map[row, column]
    return crop


def check_forms(direct, compiled, boxes_get_gradient=False):
    """Two forms `call(features, boxes, image_shape)` are one function, also under XLA.

    Values agree to 1e-5, gradients to 1e-5 of the largest; boxes get none, or a finite
    one.
    """
    _check_boxes_gradient(direct, compiled, boxes_get_gradient)
    maps, regions = tf.constant(features()), tf.constant(boxes())
    want, want_gradient = _value_and_gradient(direct, maps, regions)
    assert np.isfinite(want).all() and np.isfinite(want_gradient).all()
    assert np.abs(want).max() > 0.5 and np.abs(want_gradient).max() > 0.01
    # A cell adds up the weights of many samples, and the rounding of their places, each
    # up to 1e-6 cells: what counts is 1e-5 of the largest sum.
    tolerance = 1e-5 * np.abs(want_gradient).max()
    for jit_compile in (None, True):
        run = _value_and_gradient
        if jit_compile:
            run = tf.function(run, jit_compile=True)
        got, gradient = run(compiled, maps, regions)
        kit.assert_same(got, want)
        np.testing.assert_allclose(gradient, want_gradient, rtol=0, atol=tolerance)
    for call in (direct, compiled):
        _check_types(call, maps, regions, want)
        _check_no_boxes(call, maps, want)
        _check_batch_is_singles(call, maps, regions, want)
        _check_tensor_image_shape(call, maps, regions, want)
        _check_unknown_sizes(call, maps, regions)


def _value_and_gradient(call, maps, regions):
    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = call(maps, regions, IMAGE)
        weights = tf.reshape(
            tf.range(tf.cast(tf.size(value), tf.float32)), tf.shape(value)
        )
        total = tf.reduce_sum(value * tf.sin(weights))
    return value, tape.gradient(total, maps)


def _check_boxes_gradient(direct, compiled, wanted):
    maps, regions = tf.constant(features()), tf.constant(boxes())
    found = []
    for call in (direct, compiled):
        with tf.GradientTape() as tape:
            tape.watch(regions)
            total = tf.reduce_sum(call(maps, regions, IMAGE) ** 2)
        found.append(tape.gradient(total, regions))
    if not wanted:
        assert found == [None, None]
        return
    assert np.isfinite(found).all() and np.abs(found[0]).max() > 0.01
    tolerance = 1e-5 * np.abs(found[0]).max()
    np.testing.assert_allclose(*found, rtol=0, atol=tolerance)


def _check_types(call, maps, regions, want):
    """Half-precision features are a rounded input; nothing else is rounded."""
    for dtype in (tf.float16, tf.bfloat16):
        half = tf.cast(maps, dtype)
        got = call(half, tf.cast(regions, tf.float32), IMAGE)
        assert got.dtype == dtype
        exact = tf.cast(call(tf.cast(half, tf.float32), regions, IMAGE), dtype)
        one = np.abs(tf.cast(got, tf.float32) - tf.cast(exact, tf.float32))
        assert one.max() <= 2.0 ** (-10 if dtype == tf.float16 else -7)
    assert want.dtype == tf.float32


def _check_no_boxes(call, maps, want):
    empty = tf.zeros([2, 0, 4])
    value, gradient = _value_and_gradient(call, maps, empty)
    assert value.shape == (2, 0, *want.shape[2:])
    np.testing.assert_array_equal(gradient, np.zeros(maps.shape))


def _check_batch_is_singles(call, maps, regions, want):
    for i in range(2):
        one = call(maps[i : i + 1], regions[i : i + 1], IMAGE)
        kit.assert_same(one, want[i : i + 1])


def _check_tensor_image_shape(call, maps, regions, want):
    shape = tf.constant(IMAGE)
    kit.assert_same(call(maps, regions, (shape[0], shape[1])), want)


def _check_unknown_sizes(call, maps, regions):
    signature = [
        tf.TensorSpec([None, None, None, CHANNELS]),
        tf.TensorSpec([None, None, 4]),
    ]

    def value_and_gradient(maps, regions):
        return _value_and_gradient(call, maps, regions)

    run = tf.function(value_and_gradient, input_signature=signature)
    want, want_gradient = value_and_gradient(maps, regions)
    known = run.get_concrete_function().structured_outputs[0].shape
    assert known[2:] == want.shape[2:]
    value, gradient = run(maps, regions)
    kit.assert_same(value, want)
    tolerance = 1e-5 * np.abs(want_gradient).max()
    np.testing.assert_allclose(gradient, want_gradient, rtol=0, atol=tolerance)
    assert run(maps, regions[:, :0])[0].shape == (2, 0, *want.shape[2:])
