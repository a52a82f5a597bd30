"""Position-sensitive crops with moved bins: formula, limits, gradients, XLA."""

from functools import partial

import numpy as np
import pytest
import region_cases
import tensorflow as tf

from od_api.layers.deformable_position_sensitive_crop import (
    deformable_position_sensitive_crop,
)
from od_api.layers.position_sensitive_crop import position_sensitive_crop
from od_api.region_operators.roi_align import roi_align

SIZE, BINS = (6, 6), (3, 2)
RNG = np.random.default_rng(5)
# 18 channels are 3 numbers a bin: in three groups or in one.
OFFSETS = {g: RNG.normal(0, 2, (2, 12, 3, 2, g, 2)).astype(np.float32) for g in (1, 3)}


def reference(maps, box, offsets, size, bins, gamma):
    """[h, w, C], [4], [bh, bw, G, 2] -> [D], sample by sample (equations 5 and 6)."""
    shape, depth = np.array(maps.shape[:2]), maps.shape[2] // (bins[0] * bins[1])
    corner = box[:2] * shape / region_cases.IMAGE
    sides = (box[2:] - box[:2]) * shape / region_cases.IMAGE
    per_bin = np.array(size) // bins
    total = np.zeros(depth)
    for i, j in np.ndindex(*bins):
        for d in range(depth):
            dx, dy = offsets[i, j, d * offsets.shape[2] // depth]
            channel = (i * bins[1] + j) * depth + d
            for sample in np.ndindex(*per_bin):
                place = (np.array([i, j]) + (np.array(sample) + 0.5) / per_bin) / bins
                place = corner + sides * (place + gamma * np.array([dy, dx])) - 0.5
                total[d] += bilinear(maps[..., channel], *place)
    return total / (size[0] * size[1])


def bilinear(plane, y, x):
    """Up to one cell outside the border, then 0."""
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    rows = np.maximum(0, 1 - np.abs(y - np.arange(height)))
    columns = np.maximum(0, 1 - np.abs(x - np.arange(width)))
    return rows @ plane @ columns


@pytest.mark.parametrize("groups", OFFSETS)
def test_is_the_formula(groups):
    maps, boxes = region_cases.features(), region_cases.boxes()
    offsets = OFFSETS[groups]
    got = deformable_position_sensitive_crop(
        maps, boxes, offsets, region_cases.IMAGE, SIZE, BINS, gamma=0.2
    )
    assert got.shape == (2, 12, 3)
    for b, p in np.ndindex(2, 12):
        box = np.float64(boxes[b, p])
        want = reference(maps[b], box, offsets[b, p], SIZE, BINS, 0.2)
        np.testing.assert_allclose(got[b, p], want, atol=2e-5)


def test_nothing_moved_is_roi_align():
    maps, boxes = region_cases.features(), region_cases.boxes()
    crop = partial(roi_align, samples=1)
    want = position_sensitive_crop(
        maps, boxes, region_cases.IMAGE, SIZE, BINS, crop=crop
    )
    for offsets, gamma in ((0 * OFFSETS[3], 0.1), (OFFSETS[3], 0.0)):
        got = deformable_position_sensitive_crop(
            maps, boxes, offsets, region_cases.IMAGE, SIZE, BINS, gamma
        )
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_offsets_are_dx_dy_of_the_box():
    """f = 10 y + x; a box of rows 3..7 and columns 3..5, (2.5, -5) and gamma .1.

    Its middle (5, 4) goes by -.5 of 4 rows and .25 of 2 columns to (3, 4.5), half a
    cell less is (2.5, 4) on the map: 29.
    """
    y, x = np.mgrid[:10, :10].astype(np.float32)
    maps = (10 * y + x)[None, ..., None]
    boxes, offsets = np.float32([[[3, 3, 7, 5]]]), np.float32([2.5, -5])
    got = deformable_position_sensitive_crop(
        maps, boxes, offsets.reshape(1, 1, 1, 1, 1, 2), (10, 10), (4, 4), (1, 1)
    )
    np.testing.assert_allclose(got, [[[29]]], rtol=1e-6)


def test_gradient_of_offsets_on_a_ramp():
    """f = 3 x: a bin's gradient is gamma * 20 cells * 3 / 4 bins; y has none."""
    maps = np.tile(3 * np.arange(60, dtype=np.float32), (1, 60, 1))[..., None]
    maps = tf.constant(np.repeat(maps, 4, axis=-1))
    boxes, offsets = tf.constant([[[20.0, 20, 40, 40]]]), tf.zeros([1, 1, 2, 2, 1, 2])
    with tf.GradientTape() as tape:
        tape.watch(offsets)
        total = tf.reduce_sum(
            deformable_position_sensitive_crop(
                maps, boxes, offsets, (60, 60), (4, 4), (2, 2)
            )
        )
    gradient = tape.gradient(total, offsets)
    np.testing.assert_allclose(gradient[..., 0], np.full((1, 1, 2, 2, 1), 1.5), 1e-5)
    np.testing.assert_allclose(gradient[..., 1], np.zeros((1, 1, 2, 2, 1)), atol=1e-5)


@pytest.mark.parametrize("groups", OFFSETS)
def test_forms_types_sizes(groups):
    """The offsets are those of the boxes, whichever of them there are."""
    shifts = tf.reshape(tf.range(12.0 * groups), [3, 2, groups, 2])

    def crop(maps, boxes, image_shape):
        places = tf.stop_gradient(boxes)[..., 0][..., None, None, None, None]
        return deformable_position_sensitive_crop(
            maps, boxes, tf.sin(places + shifts), image_shape, SIZE, BINS
        )

    region_cases.check_forms(crop, crop)


def test_refusals():
    maps, boxes = region_cases.features(), region_cases.boxes()
    crop = partial(deformable_position_sensitive_crop, maps, boxes)
    with pytest.raises(ValueError, match="3 numbers of a bin have no 2 equal"):
        crop(np.zeros((2, 12, 3, 2, 2, 2), "f"), region_cases.IMAGE, SIZE, BINS)
    with pytest.raises(ValueError, match="7, 6"):
        crop(OFFSETS[1], region_cases.IMAGE, (7, 6), BINS)
