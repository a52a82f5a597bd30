"""What groupings of corners share: cells that are not square."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.groupings.corner_grouping import CornerGrouping
from od_api.groupings.corner_to_center_grouping import CornerToCenterGrouping


@pytest.mark.parametrize(
    "grouping", [CornerGrouping(top_k=20), CornerToCenterGrouping(max_distance=2.0)]
)
def test_wide_cells_make_boxes_as_much_wider(grouping):
    rng = np.random.default_rng(3)
    widths = {"heat": 2, "embedding": 1, "offset": 2, "center": 2}
    maps = {
        f"{corner}_{kind}": tf.constant(rng.normal(size=(1, 9, 9, n)), tf.float32)
        for corner in ("top_left", "bottom_right")
        for kind, n in widths.items()
    }
    square, wide = grouping(maps, 4), grouping(maps, (4, 8))
    assert square.valid.numpy().sum() > 5
    np.testing.assert_allclose(wide.boxes, square.boxes * [1, 2, 1, 2], rtol=1e-6)
    np.testing.assert_array_equal(wide.scores, square.scores)
