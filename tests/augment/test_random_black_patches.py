"""RandomBlackPatches: black squares, and nothing else."""

import numpy as np
from augment_samples import IMAGE, changed

from od_api.augment.random_black_patches import RandomBlackPatches


def test_random_black_patches():
    """A tenth of 40 is 4: one certain patch blackens 4 x 4 pixels, and nothing else."""
    augment = RandomBlackPatches(max_black_patches=1, probability=1)
    result = changed(augment, np.full([40, 60, 3], 9.0))
    ys, xs = np.where(result[..., 0] == 0)
    assert len(ys) == 16
    assert np.ptp(ys) == 3 and np.ptp(xs) == 3
    assert (result[..., 0] == 9).sum() == 40 * 60 - 16


def test_random_black_patches_never():
    """Neither with probability 0 nor with no patch to try."""
    for settings in ({"probability": 0}, {"max_black_patches": 0}):
        augment = RandomBlackPatches(**settings)
        np.testing.assert_array_equal(changed(augment, IMAGE), IMAGE)
