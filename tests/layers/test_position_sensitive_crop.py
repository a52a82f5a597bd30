"""Crops whose bins read channel groups of their own."""

from functools import partial

import numpy as np
import pytest
import region_cases

from od_api.layers.bilinear_crops import matmul_crop_and_resize
from od_api.layers.position_sensitive_crop import (
    matmul_position_sensitive_crop,
    position_sensitive_crop,
)
from od_api.region_operators.roi_align import matmul_roi_align, roi_align

FORMS = {
    "direct": position_sensitive_crop,
    "crop_by_matmul": partial(position_sensitive_crop, crop=matmul_crop_and_resize),
    "matmul": matmul_position_sensitive_crop,
}
CASES = [((9, 9), (3, 3)), ((8, 6), (2, 3)), ((3, 3), (3, 3))]


def reference_bins(feature_map, box, image_shape, crop_size, bins):
    """[h, w, bins * D], [4] -> [bh, bw, D], one bin after the other."""
    groups = np.split(feature_map, bins[0] * bins[1], axis=-1)
    pooled = np.zeros((*bins, groups[0].shape[-1]))
    low, sides = box[:2], (box[2:] - box[:2]) / bins
    samples = (crop_size[0] // bins[0], crop_size[1] // bins[1])
    for i in range(bins[0]):
        for j in range(bins[1]):
            corner = low + sides * (i, j)
            bin_box = np.concatenate([corner, corner + sides])
            group = groups[i * bins[1] + j]
            crop = region_cases.reference_crop(group, bin_box, image_shape, samples)
            pooled[i, j] = crop.mean(axis=(0, 1))
    return pooled


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_values_by_hand(form):
    """Two by two bins, D = 2: map g holds 10 g in its first channel and g in the other.

    Whatever the place, bin g reads group g: 0, 10, 20, 30 and 0, 1, 2, 3; the votes
    are 15 and 1.5.
    """
    groups = np.stack([10 * np.arange(4), np.arange(4)], axis=1).reshape(-1)
    maps = np.tile(np.float32(groups), (1, 6, 6, 1))
    boxes = np.float32([[[5, 5, 40, 35]]])
    bins = form(maps, boxes, (48, 48), (4, 4), (2, 2), False)[0, 0]
    np.testing.assert_allclose(bins[..., 0], [[0, 10], [20, 30]], atol=1e-5)
    np.testing.assert_allclose(bins[..., 1], [[0, 1], [2, 3]], atol=1e-5)
    votes = form(maps, boxes, (48, 48), (4, 4), (2, 2))
    np.testing.assert_allclose(votes, [[[15, 1.5]]], atol=1e-5)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_bin_reads_its_own_part_of_the_box(form):
    """On a ramp of y the average of a bin's samples is its middle.

    A map of 5 rows over 40 px: row = y / 40 * 4. The box 10..30 px is rows 1..3, its
    three bins have the middles 4/3, 2 and 8/3.
    """
    ramp = np.arange(5, dtype=np.float32)[None, :, None, None]
    maps = np.tile(ramp, (1, 1, 5, 3))
    got = form(maps, np.float32([[[10, 10, 30, 30]]]), (40, 40), (6, 2), (3, 1), False)
    np.testing.assert_allclose(got[0, 0, :, 0, 0], [4 / 3, 2, 8 / 3], atol=1e-5)


@pytest.mark.parametrize("name", ["crop_by_matmul", "matmul"])
@pytest.mark.parametrize(
    ("crop_size", "bins", "global_pool"),
    [((9, 9), (3, 3), True), ((8, 6), (2, 3), False)],
)
def test_forms_agree(name, crop_size, bins, global_pool):
    fields = {"crop_size": crop_size, "num_spatial_bins": bins}
    fields["global_pool"] = global_pool
    forms = (partial(form, **fields) for form in (FORMS["direct"], FORMS[name]))
    region_cases.check_forms(*forms)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("crop_size", "bins"), CASES)
def test_is_the_reference(form, crop_size, bins):
    maps, boxes = region_cases.features(), region_cases.boxes()
    got = form(maps, boxes, region_cases.IMAGE, crop_size, bins, False)
    votes = form(maps, boxes, region_cases.IMAGE, crop_size, bins)
    for image in range(2):
        for p, box in enumerate(boxes[image]):
            box = np.float64(box)
            want = reference_bins(maps[image], box, region_cases.IMAGE, crop_size, bins)
            np.testing.assert_allclose(got[image, p], want, atol=1e-5)
            np.testing.assert_allclose(votes[image, p], want.mean((0, 1)), atol=1e-5)


def test_takes_other_crops():
    """RoIAlign inside the bins: on a ramp the same middles as before, half a cell up.

    8 px for a cell: the box 10..30 px is rows 1.25..3.75, less .5; three bins of .8333.
    """
    ramp = np.arange(5, dtype=np.float32)[None, :, None, None]
    maps, boxes = np.tile(ramp, (1, 1, 5, 3)), np.float32([[[10, 10, 30, 30]]])
    for crop in (roi_align, matmul_roi_align):
        got = position_sensitive_crop(
            maps, boxes, (40, 40), (3, 1), (3, 1), False, crop
        )
        middles = 0.75 + 2.5 / 3 * (np.arange(3) + 0.5)
        np.testing.assert_allclose(got[0, 0, :, 0, 0], middles, atol=1e-5)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    ("crop_size", "bins", "message"),
    [((9, 8), (3, 3), "9, 8"), ((8, 8), (4, 4), "18 channels")],
)
def test_sizes_that_do_not_divide_are_refused(form, crop_size, bins, message):
    maps, boxes = region_cases.features(), region_cases.boxes()
    with pytest.raises(ValueError, match=message):
        form(maps, boxes, region_cases.IMAGE, crop_size, bins)
