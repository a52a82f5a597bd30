"""RandomPatchGaussian: noise in one square."""

import numpy as np
from augment_samples import IMAGE, changed

from od_api.augment.random_patch_gaussian import RandomPatchGaussian


def test_random_patch_gaussian():
    """One square of 7 pixels at most is changed; random_coef 1 changes nothing."""
    noise = {"min_gaussian_stddev": 0.5, "max_gaussian_stddev": 0.6}
    sizes = {"min_patch_size": 7, "max_patch_size": 8}
    augment = RandomPatchGaussian(**sizes, **noise)
    for number in range(5):
        result = changed(augment, np.full([40, 60, 3], 100.0), number)
        assert result.min() >= 0 and result.max() <= 255
        ys, xs = np.where((result != 100).any(-1))
        assert 0 <= np.ptp(ys) <= 6 and 0 <= np.ptp(xs) <= 6
    same = changed(RandomPatchGaussian(random_coef=1), IMAGE)
    np.testing.assert_array_equal(same, IMAGE)
