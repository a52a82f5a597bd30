"""RoI average pooling, cell by cell."""

from functools import partial

import numpy as np
import pytest
import region_cases
import tensorflow as tf

from od_api.region_operators.roi_average_pool import RoiAveragePool


def reference(feature_map, box, image_shape, size):
    """[h, w, C], [4] -> [ch, cw, C], one bin after the other."""
    lengths, pooled = feature_map.shape[:2], np.zeros((*size, feature_map.shape[2]))
    ranges = []
    for axis in (0, 1):
        scale = np.float32(lengths[axis]) / np.float32(image_shape[axis])
        low, high = box[axis] * scale, box[axis + 2] * scale
        cells = []
        for k in range(size[axis]):
            step = (high - low) * np.float32([k, k + 1]) / np.float32(size[axis])
            first, last = np.floor(low + step[0] + 2e-4), np.ceil(low + step[1] - 2e-4)
            cells.append([c for c in range(lengths[axis]) if first <= c <= last])
        ranges.append(cells)
    for i, rows in enumerate(ranges[0]):
        for j, columns in enumerate(ranges[1]):
            if rows and columns:
                pooled[i, j] = feature_map[np.ix_(rows, columns)].mean(axis=(0, 1))
    return pooled


def test_values_by_hand():
    """Map 4 x 4 of 0..15, 8 px for a cell.

    Box 4, 4, 12, 12 is .5 to 1.5 cells: 0 to 2, rows 0, 4, 8 and columns 0, 1, 2, of
    mean 5. Two bins a side: .5 to 1 is cells 0 and 1, 1 to 1.5 is 1 and 2.
    Box 0, 0, 8, 8 is 0 to 1: two cells, mean 2.5. Box 48, 0, 56, 8 lies below: 0.
    """
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    boxes = np.float32([[[4, 4, 12, 12], [0, 0, 8, 8], [48, 0, 56, 8]]])
    one = RoiAveragePool().crop(maps, boxes, (32, 32), (1, 1))[0, :, 0, 0, 0]
    np.testing.assert_allclose(one, [5, 2.5, 0])
    four = RoiAveragePool().crop(maps, boxes, (32, 32), (2, 2))[0, 0, :, :, 0]
    np.testing.assert_allclose(four, [[2.5, 3.5], [6.5, 7.5]])


def test_a_quarter_of_a_pixel_may_change_nothing():
    """Cells are whole: what RoIAlign would follow is rounded away (T19)."""
    ramp = tf.tile(tf.range(8.0)[None, None, :, None], [1, 8, 1, 1])
    boxes = tf.constant([[[1.25, 1.25, 3.25, 3.25], [1.25, 1.5, 3.25, 3.5]]])
    one, other = RoiAveragePool().crop(ramp, boxes, (8, 8), (1, 1))[0, :, 0, 0, 0]
    assert float(one) == float(other)


def test_forms_agree():
    operator = RoiAveragePool()
    forms = (partial(one.crop, size=(3, 5)) for one in (operator, operator.static()))
    region_cases.check_forms(*forms)


@pytest.mark.parametrize("size", [(7, 7), (3, 5), (1, 1)])
def test_is_the_reference(size):
    maps, boxes = region_cases.features(width=20, channels=3), region_cases.boxes()
    got = RoiAveragePool().crop(maps, boxes, region_cases.IMAGE, size)
    for image in range(2):
        for p, box in enumerate(boxes[image]):
            want = reference(maps[image], box, region_cases.IMAGE, size)
            np.testing.assert_allclose(got[image, p], want, atol=1e-5)
