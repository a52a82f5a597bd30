"""Mask targets: hand values, the kernel as an oracle, edges, no ground truth, XLA."""

import numpy as np
import tensorflow as tf
from kit import check_graph, random_boxes

from od_api.layers.mask_targets import crop_masks
from od_api.pictures.paste_masks import paste_masks


def test_by_hand():
    """A mask of 5 columns 0 0 1 1 1 on 5 px wide input, boxes over it and over 1..3.

    Column x of the input is at x / 5 * 4 of the mask: 1 px is 0.8 and 3 px 2.4. Three
    samples of that box lie at 0.8, 1.6 and 2.4, where the mask is 0, 0.6 and 1.
    """
    masks = tf.constant([0.0, 0, 1, 1, 1], shape=[1, 1, 1, 5])
    boxes = tf.constant([[[0.0, 0, 1, 5], [0, 1, 1, 3]]])
    made = crop_masks(masks, tf.zeros([1, 2], tf.int32), boxes, (1, 5), (1, 3))
    assert made.shape == (1, 2, 1, 3) and made.dtype == tf.float32
    np.testing.assert_allclose(made[0, :, 0], [[0, 1, 1], [0, 0.6, 1]], atol=1e-6)


def case(seed=0, batch=2, objects=3, regions=40, shape=(30, 44)):
    rng = np.random.default_rng(seed)
    masks = rng.uniform(size=(batch, objects, *shape)).astype(np.float32)
    index = rng.integers(0, objects, (batch, regions)).astype(np.int32)
    boxes = random_boxes(rng, batch, regions, size=110.0)
    return tf.constant(masks), tf.constant(index), tf.constant(boxes)


def test_kernel_is_the_oracle_also_at_a_lower_size():
    """An input of 60 x 88 px with masks of half of it; some boxes reach outside."""
    masks, index, boxes = case()
    assert (boxes[..., 2].numpy() > 60).any() and (boxes[..., 2].numpy() < 60).any()
    for size in ((7, 5), (1, 4), (15, 15)):
        made = check_graph(
            lambda *given, size=size: crop_masks(*given, (60, 88), size),
            masks,
            index,
            boxes,
            jit_compile=True,
        )
        flat = tf.reshape(index + 3 * tf.range(2)[:, None], [-1])
        wanted = tf.image.crop_and_resize(
            tf.reshape(masks, [6, 30, 44, 1]),
            tf.reshape(boxes / [60, 88, 60, 88], [-1, 4]),
            flat,
            size,
        )
        wanted = tf.reshape(wanted, made.shape)
        np.testing.assert_allclose(made, wanted, atol=1e-4)


def test_box_that_ends_on_the_edge_loses_no_sample():
    """Rounding would move the last sample out of the mask for some of these sizes."""
    for side in range(300, 1400, 97):
        boxes = tf.constant([[[side / 3, side / 7, side, side]]], tf.float32)
        masks = tf.ones([1, 1, side // 8, side // 8])
        made = crop_masks(masks, [[0]], boxes, (side, side), (14, 14))
        np.testing.assert_allclose(made, 1, atol=1e-5)


def test_types_sizes_and_batches():
    masks, index, boxes = case()
    hard = tf.round(masks)
    expected = crop_masks(hard, index, boxes, (60, 88), (7, 5))
    for kind in (tf.uint8, tf.float16):
        made = crop_masks(tf.cast(hard, kind), index, boxes, (60, 88), (7, 5))
        np.testing.assert_allclose(made, expected, atol=1e-6)
    one = crop_masks(hard[1:], index[1:], boxes[1:], (60, 88), (7, 5))
    np.testing.assert_allclose(one, expected[1:], atol=1e-6)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None, None]),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None, 4]),
            tf.TensorSpec([2], tf.int32),
        ]
    )
    def of_unknown_sizes(masks, index, boxes, shape):
        return crop_masks(masks, index, boxes, (shape[0], shape[1]), (7, 5))

    made = of_unknown_sizes(hard, index, boxes, [60, 88])
    np.testing.assert_allclose(made, expected, atol=1e-6)
    none = of_unknown_sizes(hard[:, :0], tf.zeros_like(index), boxes, [60, 88])
    assert none.shape == (2, 40, 7, 5) and not np.any(none)


def test_no_ground_truth_no_region_no_gradient():
    masks, index, boxes = case()
    made = crop_masks(masks[:, :0], tf.zeros_like(index), boxes, (60, 88), (7, 5))
    assert made.shape == (2, 40, 7, 5) and not np.any(made)
    empty = crop_masks(masks, index[:, :0], boxes[:, :0], (60, 88), (7, 5))
    assert empty.shape == (2, 0, 7, 5)
    with tf.GradientTape() as tape:
        tape.watch([masks, boxes])
        total = tf.reduce_sum(crop_masks(masks, index, boxes, (60, 88), (7, 5)))
    assert tape.gradient(total, [masks, boxes]) == [None, None]


def test_pasting_undoes_cropping():
    """A rectangle that is cut out of an image is where it was when pasted back."""
    image = np.zeros((1, 1, 64, 80), np.float32)
    image[..., 20:41, 30:61] = 1
    boxes = np.float32([[[10, 20, 50, 75]]])
    small = crop_masks(image, [[0]], boxes, (64, 80), (28, 28))
    pasted = paste_masks(small[0].numpy(), boxes[0], (64, 80))[0]
    wrong = pasted != image[0, 0]
    assert wrong.mean() < 0.02
    # Off by a pixel at the border at most.
    assert not wrong[22:39, 32:59].any()
    assert not wrong[:18].any() and not wrong[:, :28].any()
    assert not wrong[43:].any() and not wrong[:, 63:].any()
