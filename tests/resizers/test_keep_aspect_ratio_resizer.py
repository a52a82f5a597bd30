"""Keep-aspect-ratio: sizes as the old API computes them, padding, masks."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.resizers.keep_aspect_ratio_resizer import KeepAspectRatioResizer


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        # 600 / 480 = 1.25: the long side is 800, within 1024.
        ((480, 640), (600, 800)),
        ((640, 480), (800, 600)),
        # 600 / 300 = 2 would make 1200; 1024 / 600 makes 512 x 1024.
        ((300, 600), (512, 1024)),
        ((600, 300), (1024, 512)),
        ((500, 500), (600, 600)),
        ((2000, 2000), (600, 600)),
        # 375 * 1.6 = 600; 500 * 1.6 = 800.
        ((375, 500), (600, 800)),
        # A strip keeps one pixel.
        ((1, 5000), (1, 1024)),
    ],
)
def test_size(shape, size):
    resizer = KeepAspectRatioResizer()
    assert tuple(resizer.size_of(tf.constant(shape)).numpy()) == size


def test_sizes_agree_with_tf1_resize():
    """The old API asked tf.image to keep the aspect ratio within (min, max)."""
    resizer = KeepAspectRatioResizer(min_dimension=80, max_dimension=130)
    rng = np.random.default_rng(0)
    for height, width in rng.integers(20, 400, (60, 2)):
        image = tf.zeros([height, width, 1])
        limits = (80, 130) if height < width else (130, 80)
        old = tf.compat.v1.image.resize_images(
            image, limits, preserve_aspect_ratio=True
        )
        assert tuple(resizer.size_of(tf.shape(image)[:2]).numpy()) == old.shape[:2]


def test_without_padding():
    resizer = KeepAspectRatioResizer(min_dimension=10, max_dimension=20)
    image, true_shape = resizer(tf.zeros([20, 30, 3]))
    assert resizer.output_shape is None
    assert image.shape == (10, 15, 3) and list(true_shape.numpy()) == [10, 15]


def test_padding_is_below_and_right():
    resizer = KeepAspectRatioResizer(
        min_dimension=10,
        max_dimension=20,
        pad_to_max_dimension=True,
        per_channel_pad_value=[1.0, 2.0, 3.0],
    )
    image, true_shape = resizer(tf.fill([20, 30, 3], 9.0))
    assert resizer.output_shape == (20, 20) and image.shape == (20, 20, 3)
    assert list(true_shape.numpy()) == [10, 15]
    np.testing.assert_array_equal(image[:10, :15], np.full((10, 15, 3), 9))
    np.testing.assert_array_equal(image[19, 19], [1, 2, 3])


@pytest.mark.parametrize("count", [0, 2])
def test_masks_go_with_the_image(count):
    masks = np.zeros((count, 20, 30), np.float32)
    masks[:, 4:10, 6:12] = 1
    resizer = KeepAspectRatioResizer(
        min_dimension=10, max_dimension=20, pad_to_max_dimension=True
    )
    resized = resizer.masks(masks).numpy()
    assert resized.shape == (count, 20, 20)
    expected = np.zeros((count, 20, 20), np.float32)
    expected[:, 2:5, 3:6] = 1
    np.testing.assert_array_equal(resized, expected)


def test_one_trace_serves_every_size():
    resizer = KeepAspectRatioResizer(min_dimension=6, max_dimension=9)
    signature = [tf.TensorSpec([None, None, 3], tf.float32)]
    traced = tf.function(resizer, input_signature=signature)
    for shape in [(4, 5), (12, 7), (30, 3)]:
        image = tf.random.stateless_uniform([*shape, 3], [0, 1])
        for got, wanted in zip(traced(image), resizer(image), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_dimension": 700, "max_dimension": 600}, "700 and 600"),
        ({"per_channel_pad_value": [1.0]}, "needs 3 numbers"),
    ],
)
def test_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        KeepAspectRatioResizer(**arguments)
