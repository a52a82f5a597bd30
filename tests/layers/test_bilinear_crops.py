"""Bilinear crops, as TensorFlow's kernel has them and as matrix products."""

from functools import partial

import numpy as np
import pytest
import region_cases
import tensorflow as tf

from od_api.layers.bilinear_crops import crop_and_resize, matmul_crop_and_resize
from od_api.layers.position_sensitive_crop import position_sensitive_crop
from od_api.region_operators.roi_align import roi_align

FORMS = (crop_and_resize, matmul_crop_and_resize)
SIZES = [(7, 7), (14, 5), (1, 1), (1, 4)]


@pytest.mark.parametrize("form", FORMS)
def test_values_by_hand(form):
    """Map 3 x 3 of 0..8 over an image of 6 px; 3 y + x between the cells.

    Box 0, 0, 6, 6 is the map's cells 0..2: samples 0, 1, 2 are the map itself. Box 0,
    3, 3, 6 is rows 0..1 and columns 1..2: a 2 x 2 crop has its corners 1, 2, 4, 5. Its
    one sample is at row .5, column 1.5: 3 * .5 + 1.5 = 3. Box 3, 0, 9, 3 is rows 1..3
    and columns 0..1; row 3 is outside: 3, 4 and zeros.
    """
    maps = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    made = np.float32([[[0, 0, 6, 6], [0, 3, 3, 6], [3, 0, 9, 3]]])
    whole = form(maps, made, (6, 6), (3, 3))[0, 0, :, :, 0]
    np.testing.assert_allclose(whole, maps[0, :, :, 0], atol=1e-5)
    corners = form(maps, made, (6, 6), (2, 2))[0, :, :, :, 0]
    np.testing.assert_allclose(corners[1], [[1, 2], [4, 5]], atol=1e-5)
    np.testing.assert_allclose(corners[2], [[3, 4], [0, 0]], atol=1e-5)
    middle = form(maps, made, (6, 6), (1, 1))[0, :, 0, 0, 0]
    np.testing.assert_allclose(middle, [4, 3, 6.5], atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_forms_agree(size):
    region_cases.check_forms(*(partial(form, size=size) for form in FORMS))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
def test_is_the_reference(form, size):
    maps, boxes = region_cases.features(), region_cases.boxes()
    got = form(maps, boxes, region_cases.IMAGE, size)
    for image in range(2):
        for p, box in enumerate(boxes[image]):
            want = region_cases.reference_crop(
                maps[image], box, region_cases.IMAGE, size
            )
            np.testing.assert_allclose(got[image, p], want, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
def test_is_the_kernel_on_normalised_boxes(form, size):
    """Boxes that end on the image's edge are the next test's."""
    maps, boxes = region_cases.features(), region_cases.boxes()
    shape = np.float32([*region_cases.IMAGE, *region_cases.IMAGE])
    keep = np.all(boxes != shape, axis=(0, 2))
    assert keep.sum() == 10
    boxes = boxes[:, keep]
    want = tf.image.crop_and_resize(
        maps, (boxes / shape).reshape(-1, 4), np.repeat([0, 1], 10), size
    )
    got = form(maps, boxes, region_cases.IMAGE, size)
    np.testing.assert_allclose(got, tf.reshape(want, got.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("form", "jit_compile"), [*((form, None) for form in FORMS), (FORMS[1], True)]
)
def test_last_sample_of_a_clipped_box_is_never_lost(form, jit_compile):
    """In a map of ones every sample is 1; the bare kernel loses some to rounding."""
    low = np.random.default_rng(0).uniform(0, 295, (1, 500, 2))
    boxes = np.concatenate([low, np.full_like(low, 300)], axis=-1).astype(np.float32)
    maps = tf.ones([1, 38, 38, 1])
    bare = tf.image.crop_and_resize(maps, boxes[0] / 300, [0] * 500, (14, 14))
    assert np.min(bare) == 0
    run = tf.function(form, jit_compile=jit_compile)
    np.testing.assert_allclose(run(maps, boxes, (300, 300), (14, 14)), 1, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_features_get_what_the_samples_weigh(form):
    """The one sample of the box lies between 4 cells: each has a quarter of it."""
    maps = tf.Variable(np.zeros([1, 3, 3, 1], np.float32))
    with tf.GradientTape() as tape:
        value = form(maps, np.float32([[[0, 3, 3, 6]]]), (6, 6), (1, 1))
    want = [[0, 0.25, 0.25], [0, 0.25, 0.25], [0, 0, 0]]
    gradient = tf.convert_to_tensor(tape.gradient(value, maps))
    np.testing.assert_allclose(gradient[0, :, :, 0], want, atol=1e-6)


@pytest.mark.parametrize(
    "form",
    [
        partial(crop_and_resize, size=(7, 7)),
        partial(roi_align, size=(7, 7)),
        partial(position_sensitive_crop, crop_size=(9, 9), num_spatial_bins=(3, 3)),
    ],
)
def test_gradient_does_not_come_from_the_kernel(form):
    """Its threads overwrite each other's sums, too rarely to wait for in a test."""

    @tf.function
    def gradient(maps, boxes):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            total = tf.reduce_sum(form(maps, boxes, region_cases.IMAGE))
        return tape.gradient(total, maps)

    maps, boxes = region_cases.features(), region_cases.boxes()
    graph = gradient.get_concrete_function(tf.constant(maps), tf.constant(boxes)).graph
    types = [one.type for one in graph.get_operations()]
    assert "CropAndResize" in types
    assert "CropAndResizeGradImage" not in types
