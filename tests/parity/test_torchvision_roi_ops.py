"""RoIAlign and RoI max pooling against what torchvision computed."""

import golden_store
import numpy as np
import pytest

from od_api.region_operators.roi_align import matmul_roi_align, roi_align
from od_api.region_operators.roi_max_pool import masked_roi_max_pool, roi_max_pool

CASES = golden_store.load("torchvision_roi_ops")
GIVEN = CASES["input"]
IMAGE = (76, 100)


@pytest.mark.parametrize("form", [roi_align, matmul_roi_align])
@pytest.mark.parametrize("name", [one for one in CASES if one.startswith("align")])
def test_roi_align(form, name):
    case = CASES[name]
    size, samples = case["size"].tolist(), int(case["samples"])
    got = form(GIVEN["features"], GIVEN["boxes"], IMAGE, size, samples)
    np.testing.assert_allclose(got, case["crops"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", [roi_max_pool, masked_roi_max_pool])
@pytest.mark.parametrize("name", [one for one in CASES if one.startswith("max")])
def test_roi_max_pool(form, name):
    size = CASES[name]["size"].tolist()
    got = form(GIVEN["features"], GIVEN["boxes"], IMAGE, size)
    np.testing.assert_allclose(got, CASES[name]["crops"], atol=1e-6)
