"""What heads that share their weights check."""

import pytest

from od_api.core.ranges import RangeError
from od_api.heads._shared_weights import anchors_of_all, check_tower


def test_anchors_of_all_levels():
    assert anchors_of_all([3, 3, 3]) == 3
    with pytest.raises(ValueError, match=r"same number .* not \[3, 2\]"):
        anchors_of_all([3, 2])


@pytest.mark.parametrize(
    ("layers", "sizes", "name"),
    [
        (-1, {"kernel_size": 3}, "num_layers_before_predictor"),
        (101, {}, "num_layers_before_predictor"),
        (2, {"kernel_size": 0}, "kernel_size"),
        (2, {"kernel_size": 3, "tower_kernel_size": 0}, "tower_kernel_size"),
    ],
)
def test_towers(layers, sizes, name):
    check_tower(0, kernel_size=1)
    with pytest.raises(RangeError, match=name):
        check_tower(layers, **sizes)
