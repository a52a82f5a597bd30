"""Groups of channels in the batch."""

import numpy as np

from od_api.layers.channel_groups import groups_to_batch


def test_neighbouring_channels_go_together():
    """Two images of six channels in three groups: image 1, group 2 is channels 4, 5."""
    maps = np.arange(2 * 2 * 3 * 6, dtype=np.float32).reshape(2, 2, 3, 6)
    got = groups_to_batch(maps, 3)
    assert got.shape == (6, 2, 3, 2)
    np.testing.assert_array_equal(got[5], maps[1, ..., 4:])
    np.testing.assert_array_equal(got[1], maps[0, ..., 2:4])
    np.testing.assert_array_equal(groups_to_batch(maps, 1), maps)
