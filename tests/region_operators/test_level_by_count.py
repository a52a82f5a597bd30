"""The level of a region by the number of levels."""

import pytest
import tensorflow as tf

from od_api.region_operators.level_by_count import LevelByCount


@pytest.mark.parametrize(
    ("sides", "level"),
    [
        # 224 px belong to level 4 - 2; every doubling is one up, and the ends hold.
        ((224, 224), 2),
        ((223.9, 223.9), 1),
        ((448, 448), 3),
        ((447, 447), 2),
        ((112, 112), 1),
        ((56, 56), 0),
        ((1, 1), 0),
        ((5000, 5000), 3),
        # By the square root of the area: 112 x 448 is 224 x 224.
        ((112, 448), 2),
        ((448, 112), 2),
        # An empty box and one turned inside out.
        ((0, 0), 0),
        ((-300, 300), 0),
    ],
)
def test_levels_by_hand(sides, level):
    """Equation 1 of Lin et al.: floor(log2(side / 224)) + 2 of the levels 0 to 3.

    The strides are of no matter.
    """
    box = tf.constant([[[7.0, 9.0, 7.0 + sides[0], 9.0 + sides[1]]]])
    for strides in ([4, 8, 16, 32], [8, 16, 32, 64], [None] * 4):
        assert int(LevelByCount()(box, strides)[0, 0]) == level
