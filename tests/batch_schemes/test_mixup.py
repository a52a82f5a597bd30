"""Mixup: shares, canvas, boxes of both and their weights."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.batch_schemes.mixup import Mixup

SEED = tf.constant([3, 5])


def batch_of(images, shapes, weights, **more):
    """A batch of [2 n, h, w, 3] images with one box and one row of padding each."""
    rows = len(images)
    return {
        "image": tf.constant(images, tf.float32),
        "true_shape": tf.constant(shapes),
        "boxes": tf.constant([[[i, 0, i + 2, 2], [0, 0, 0, 0]] for i in range(rows)]),
        "classes": tf.constant([[i, 0] for i in range(rows)]),
        "weights": tf.constant([[w, 0.0] for w in weights]),
        "valid": tf.constant([[True, False]] * rows),
        **more,
    }


def padded(height, width, value):
    image = np.zeros([400, 400, 3], np.float32)
    image[:height, :width] = value
    return image


def share_of(mixed):
    """What the first image counts for."""
    return float(mixed["weights"][0, 0])


def test_two_images_share_the_larger_canvas():
    """300 x 400 and 400 x 300 make 400 x 400, and nothing is resized (T88)."""
    images = [padded(300, 400, 100.0), padded(400, 300, 40.0)]
    mixed = Mixup()(batch_of(images, [[300, 400], [400, 300]], [1.0, 1.0]), SEED)
    share = share_of(mixed)
    image = mixed["image"][0]
    np.testing.assert_array_equal(mixed["true_shape"], [[400, 400]])
    np.testing.assert_allclose(image[0, 0, 0], 100 * share + 40 * (1 - share), 1e-6)
    np.testing.assert_allclose(image[299, 399, 0], 100 * share, rtol=1e-6)
    np.testing.assert_allclose(image[399, 299, 0], 40 * (1 - share), rtol=1e-5)
    assert float(image[399, 399, 0]) == 0.0


def test_ignored_boxes_stay_ignored_and_scales_have_their_mean():
    batch = batch_of(
        np.zeros([4, 8, 8, 3]),
        [[8, 8]] * 4,
        [1.0] * 4,
        ignored=tf.constant([[False, False], [True, False]] * 2),
        scale=tf.constant([2.0, 8.0, 0.5, 0.5]),
    )
    mixed = Mixup()(batch, SEED)
    np.testing.assert_array_equal(mixed["ignored"], [[False, False, True, False]] * 2)
    np.testing.assert_allclose(mixed["scale"], [4.0, 0.5], rtol=1e-6)


def test_boxes_of_both_weigh_their_images_share():
    images = np.zeros([4, 8, 8, 3])
    masks = tf.cast(tf.range(4 * 2 * 8 * 8) % 2, tf.uint8)
    batch = batch_of(
        images,
        [[8, 8]] * 4,
        [1.0, 0.5, 2.0, 0.0],
        masks=tf.reshape(masks, [4, 2, 8, 8]),
    )
    mixed = Mixup()(batch, SEED)
    np.testing.assert_array_equal(mixed["classes"], [[0, 0, 1, 0], [2, 0, 3, 0]])
    np.testing.assert_array_equal(mixed["valid"], [[True, False] * 2] * 2)
    np.testing.assert_array_equal(mixed["boxes"][1, 2], [3, 0, 5, 2])
    np.testing.assert_array_equal(mixed["masks"][1, 2], batch["masks"][3, 0])
    first, second = mixed["weights"].numpy()
    np.testing.assert_allclose(first, [first[0], 0, 0.5 * (1 - first[0]), 0], 1e-6)
    assert second[2] == 0.0
    assert mixed["boxes"].shape == (2, 4, 4)


def test_shares_are_of_the_beta_distribution():
    """Beta(1.5, 1.5) has mean .5 and variance .0625."""
    count = 20_000
    batch = batch_of(
        np.zeros([2 * count, 1, 1, 3]), [[1, 1]] * 2 * count, [1.0] * 2 * count
    )
    shares = Mixup()(batch, SEED)["weights"].numpy()[:, 0]
    assert abs(shares.mean() - 0.5) < 0.005
    assert abs(shares.var() - 0.0625) < 0.002
    assert shares.min() >= 0 and shares.max() <= 1


def test_the_seed_decides():
    batch = batch_of(np.zeros([2, 1, 1, 3]), [[1, 1]] * 2, [1.0, 1.0])
    shares = [share_of(Mixup()(batch, seed)) for seed in (SEED, SEED, SEED + 1)]
    assert shares[0] == shares[1] != shares[2]


def test_a_huge_alpha_halves_and_one_of_0_is_refused():
    batch = batch_of(np.zeros([2, 1, 1, 3]), [[1, 1]] * 2, [1.0, 1.0])
    assert abs(share_of(Mixup(alpha=1e8)(batch, SEED)) - 0.5) < 1e-3
    with pytest.raises(ValueError, match="above 0"):
        Mixup(alpha=0)


def test_shapes_that_are_known_stay_known():
    spec = {
        k: tf.TensorSpec([None, *v.shape[1:]], v.dtype)
        for k, v in batch_of(np.zeros([2, 4, 6, 3]), [[4, 6]] * 2, [1.0, 1.0]).items()
    }
    mix = tf.function(lambda batch: Mixup()(batch, SEED), autograph=False)
    mixed = mix.get_concrete_function(spec).structured_outputs
    assert mixed["image"].shape.as_list() == [None, 4, 6, 3]
    assert mixed["boxes"].shape.as_list() == [None, 4, 4]
