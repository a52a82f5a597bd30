"""RoIAlign, by the crop kernel and as matrix products."""

from functools import partial

import numpy as np
import pytest
import region_cases

from od_api.region_operators.roi_align import matmul_roi_align, roi_align

FORMS = (roi_align, matmul_roi_align)
CASES = [((7, 7), 2), ((3, 5), 1), ((1, 1), 1), ((2, 2), 3)]


def reference_roi_align(feature_map, box, image_shape, size, samples):
    """[h, w, C], [4] -> [ch, cw, C], one sample after the other."""
    (h, w), out = feature_map.shape[:2], np.zeros((*size, feature_map.shape[2]))
    scale = np.tile(np.divide((h, w), image_shape), 2)
    ymin, xmin, ymax, xmax = np.float64(box) * scale - 0.5
    for i, row in enumerate(range(size[0] * samples)):
        for j, column in enumerate(range(size[1] * samples)):
            y = ymin + (ymax - ymin) * (row + 0.5) / (size[0] * samples)
            x = xmin + (xmax - xmin) * (column + 0.5) / (size[1] * samples)
            if not (-1 <= y <= h and -1 <= x <= w):
                continue
            y, x = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
            top, left = int(y), int(x)
            down, right = min(top + 1, h - 1), min(left + 1, w - 1)
            upper = np.array([1 - x % 1, x % 1]) @ feature_map[top, [left, right]]
            lower = np.array([1 - x % 1, x % 1]) @ feature_map[down, [left, right]]
            value = upper * (1 - y % 1) + lower * (y % 1)
            out[i // samples, j // samples] += value / samples**2
    return out


@pytest.mark.parametrize("form", FORMS)
def test_values_by_hand(form):
    """On a map of 10 y + x (stride 4), an average is the ramp at its mean place.

    Box 4, 4, 12, 12 is 1..3 cells, .5..2.5 after the half-cell shift. Its bins of one
    cell have their middles at 1 and 2: 11, 12, 21, 22. Box 0, 0, 4, 4 is -.5..0.5:
    one bin with samples at -.25, which reads the border 0, and at .25: y and x are
    .125 on average, 1.375. Box -12, -12, -4, -4 is -3.5..-1.5: nothing.
    """
    y, x = np.mgrid[:5, :5]
    maps = np.float32(10 * y + x)[None, :, :, None]
    boxes = np.float32([[[4, 4, 12, 12], [0, 0, 4, 4], [-12, -12, -4, -4]]])
    got = form(maps, boxes[:, :1], (20, 20), (2, 2))[0, 0, :, :, 0]
    np.testing.assert_allclose(got, [[11, 12], [21, 22]], atol=1e-5)
    got = form(maps, boxes, (20, 20), (1, 1))[0, :, 0, 0, 0]
    np.testing.assert_allclose(got, [16.5, 1.375, 0], atol=1e-5)


@pytest.mark.parametrize(("size", "samples"), CASES)
def test_forms_agree(size, samples):
    forms = (partial(form, size=size, samples=samples) for form in FORMS)
    region_cases.check_forms(*forms)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("size", "samples"), CASES)
def test_is_the_reference(form, size, samples):
    """The map's 20 columns make the strides of the two axes differ."""
    maps, boxes = region_cases.features(width=20, channels=3), region_cases.boxes()
    got = form(maps, boxes, region_cases.IMAGE, size, samples)
    for image in range(2):
        for p, box in enumerate(boxes[image]):
            want = reference_roi_align(
                maps[image], box, region_cases.IMAGE, size, samples
            )
            np.testing.assert_allclose(got[image, p], want, atol=1e-5)
