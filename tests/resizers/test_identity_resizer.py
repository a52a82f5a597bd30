"""Identity: nothing happens but the cast."""

import numpy as np

from od_api.resizers.identity_resizer import IdentityResizer


def test_leaves_everything_alone():
    image = np.random.default_rng(0).integers(0, 256, (3, 4, 3)).astype(np.uint8)
    same, true_shape = IdentityResizer()(image)
    np.testing.assert_array_equal(same, image.astype(np.float32))
    assert tuple(true_shape.numpy()) == (3, 4) and same.dtype == np.float32
    assert IdentityResizer().output_shape is None
