"""What objectives of corners share: cells that are not square, and divisors."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.core import registry
from od_api.objectives._corners import of_two_numbers
from od_api.protos import keypoints_pb2

K, H, W = 2, 12, 10
BOXES = np.float32([[[3, 5, 30, 33], [8, 4, 40, 20]], [[10, 10, 20, 30], [0, 0, 0, 0]]])
OBJECTIVES = (keypoints_pb2.CornerObjective, keypoints_pb2.CornerToCenterObjective)


def make_maps():
    rng = np.random.default_rng(1)
    widths = {"heat": K, "embedding": 1, "offset": 2, "center": 2}
    return {
        f"{corner}_{kind}": tf.constant(rng.normal(size=(2, H, W, n)), tf.float32)
        for corner in ("top_left", "bottom_right")
        for kind, n in widths.items()
    }


def make_targets(boxes=BOXES, ignored=False):
    targets = kit.make_targets(boxes, valid=[[1, 1], [1, 0]], classes=[[0, 1], [1, 0]])
    if ignored:
        targets = targets._replace(ignored=tf.constant([[False, True], [False] * 2]))
    return targets


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("message", OBJECTIVES)
def test_wide_cells_are_square_ones_of_narrower_objects(message, ignored):
    """Boxes twice as wide lie in cells of 4 x 8 px as they did in those of 4 x 4."""
    objective = registry.build(message(), num_classes=K)
    maps = make_maps()
    want = objective(maps, make_targets(ignored=ignored), 4)
    wide = make_targets(BOXES * np.float32([1, 2, 1, 2]), ignored)
    kit.assert_same(objective(maps, wide, (4, 8)), want)


@pytest.mark.parametrize("message", OBJECTIVES)
def test_what_sums_are_divided_by(message):
    """3 objects, or what is asked for: losses over objects and cells are a fifth."""
    objective = registry.build(message(), num_classes=K)
    plain = objective(make_maps(), make_targets(), 4)
    other = objective(make_maps(), make_targets(), 4, tf.constant(15.0))
    for name, loss in plain.items():
        of_images = name in ("pull_loss", "push_loss")
        share = 1.0 if of_images else 0.2
        assert float(other[name]) == pytest.approx(share * float(loss), rel=1e-5)


def test_a_loss_of_two_numbers():
    assert float(of_two_numbers("x_loss", None)(tf.ones([2]), tf.zeros([2]))) == 1.0
