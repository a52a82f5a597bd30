"""RoI max pooling, cell by cell and by masks."""

from functools import partial

import numpy as np
import pytest
import region_cases
import tensorflow as tf

from od_api.region_operators.roi_max_pool import masked_roi_max_pool, roi_max_pool

FORMS = (roi_max_pool, masked_roi_max_pool)
SIZES = [(7, 7), (3, 5), (1, 1)]


def reference_max_pool(feature_map, box, image_shape, size):
    """[h, w, C], [4] -> [ch, cw, C], one bin after the other."""
    lengths, pooled = feature_map.shape[:2], np.zeros((*size, feature_map.shape[2]))
    ranges = []
    for axis in (0, 1):
        cells = np.float64(box[[axis, axis + 2]]) * lengths[axis] / image_shape[axis]
        start, end = np.sign(cells) * np.floor(np.abs(cells) + 0.5)
        edges = np.arange(size[axis] + 1) * max(end - start + 1, 1)
        first, after = edges[:-1] // size[axis], -(-edges[1:] // size[axis])
        edges = np.clip([start + first, start + after], 0, lengths[axis])
        ranges.append([slice(*one) for one in edges.astype(int).T])
    for i, rows in enumerate(ranges[0]):
        for j, columns in enumerate(ranges[1]):
            cells = feature_map[rows, columns].reshape(-1, feature_map.shape[2])
            pooled[i, j] = cells.max(axis=0) if len(cells) else 0
    return pooled


@pytest.mark.parametrize("form", FORMS)
def test_values_by_hand(form):
    """Map 4 x 4 of 0..15, 8 px for a cell; halves are rounded up.

    Box 0, 0, 32, 32 has the rounded edges 0 and 4: 5 cells, bins of 2.5, that is cells
    0..2 and 2..4 of which 2 and 3 exist: 10, 11, 14, 15. Box 4, 12, 9, 13 has rows
    .5 -> 1 to 1.125 -> 1, columns 1.5 -> 2 to 1.625 -> 2: all bins are the cell 6.
    Box 40, 0, 48, 8 lies below the map: 0.
    """
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    boxes = np.float32([[[0, 0, 32, 32], [4, 12, 9, 13], [40, 0, 48, 8]]])
    got = form(maps, boxes, (32, 32), (2, 2))[0, :, :, :, 0]
    want = [[[10, 11], [14, 15]], [[6, 6], [6, 6]], [[0, 0], [0, 0]]]
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("form", FORMS)
def test_maximum_may_be_negative(form):
    """Only a bin without cells is 0."""
    maps = -np.ones([1, 4, 4, 1], np.float32)
    boxes = np.float32([[[0, 0, 16, 16], [40, 40, 48, 48]]])
    got = form(maps, boxes, (32, 32), (1, 1))[0, :, 0, 0, 0]
    np.testing.assert_array_equal(got, [-1, 0])


@pytest.mark.parametrize("size", SIZES)
def test_forms_agree(size):
    forms = (partial(form, size=size) for form in FORMS)
    region_cases.check_forms(*forms)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("height", "width"), [(19, 20), (1, 7)])
def test_is_the_reference(form, size, height, width):
    maps = region_cases.features(height=height, width=width, channels=3)
    boxes = region_cases.boxes()
    got = form(maps, boxes, region_cases.IMAGE, size)
    for image in range(2):
        for p, box in enumerate(boxes[image]):
            want = reference_max_pool(maps[image], box, region_cases.IMAGE, size)
            np.testing.assert_allclose(got[image, p], want, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_huge_boxes_cover_the_map(form):
    maps = region_cases.features(channels=1)
    boxes = np.float32([[[-1e30, -1e30, 1e30, 1e30]]] * 2)
    got = form(maps, boxes, region_cases.IMAGE, (1, 1))
    np.testing.assert_array_equal(got[:, 0, 0, 0, 0], maps.max(axis=(1, 2, 3)))


@pytest.mark.parametrize("form", FORMS)
def test_only_the_largest_cell_gets_the_gradient(form):
    maps = tf.Variable(np.float32([[1, 5, 2], [0, 3, 4], [1, 1, 1]])[None, :, :, None])
    with tf.GradientTape() as tape:
        value = form(maps, np.float32([[[0, 0, 8, 8]]]), (24, 24), (1, 1))
    want = [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    gradient = tf.convert_to_tensor(tape.gradient(value, maps))
    np.testing.assert_array_equal(gradient[0, :, :, 0], want)
