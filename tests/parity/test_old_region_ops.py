"""Position-sensitive crops against the old API's, on boxes in image sizes (0..1)."""

import golden_store
import numpy as np
import pytest

from od_api.layers.position_sensitive_crop import (
    matmul_position_sensitive_crop,
    position_sensitive_crop,
)

CASES = golden_store.load("position_sensitive_crops")
FORMS = (position_sensitive_crop, matmul_position_sensitive_crop)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted(set(CASES) - {"input"}))
def test_position_sensitive_crops_are_the_old_ones(form, name):
    """Without the vote the old ones are the single samples; we average each bin's."""
    given, case = CASES["input"], CASES[name]
    crop_size, bins = case["crop_size"].tolist(), case["bins"].tolist()
    fields = (given["features"][None], given["boxes"][None], (1, 1), crop_size, bins)
    np.testing.assert_allclose(
        form(*fields)[0], case["pooled"][:, 0, 0], rtol=1e-5, atol=1e-5
    )
    if "crops" in case:
        old = case["crops"]
        samples = crop_size[0] // bins[0], crop_size[1] // bins[1]
        old = old.reshape(len(old), bins[0], samples[0], bins[1], samples[1], -1)
        got = form(*fields, global_pool=False)[0]
        np.testing.assert_allclose(got, old.mean((2, 4)), rtol=1e-5, atol=1e-5)
