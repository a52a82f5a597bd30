"""The losses of a matrix net of corners."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import keypoints_pb2

K, H, W = 2, 12, 10
NAMES = ["heat_loss", "offset_loss", "center_loss"]


def build(text=""):
    message = text_format.Parse(text, keypoints_pb2.CornerToCenterObjective())
    return registry.build(message, num_classes=K)


def make_maps(value=None, images=1):
    rng = np.random.default_rng(1)
    widths = {"heat": K, "offset": 2, "center": 2}
    return {
        f"{corner}_{kind}": tf.constant(
            rng.normal(size=(images, H, W, n)) if value is None else value, tf.float32
        )
        * tf.ones([images, H, W, n])
        for corner in ("top_left", "bottom_right")
        for kind, n in widths.items()
    }


def put(maps, name, cell, values):
    return maps | {
        name: tf.tensor_scatter_nd_update(
            maps[name], [[0, *cell]], tf.constant([values], tf.float32)
        )
    }


def test_ways_to_the_centre_by_hand():
    """A box of 24 x 32 pixels in cells of 4 x 8 is of 6 x 4: ways of 3 and 2.

    Its corners lie in cells (1, 1) and (7, 5). Smooth L1 of ways of 0: 2.5 + 1.5 at
    each of the two; .5 and 2 that were right leave 2.5 and nothing.
    """
    targets = kit.make_targets([[[4, 8, 28, 40]]])
    objective = build("center_weight: 1")
    maps = make_maps(0.0)
    assert list(objective(maps, targets, (4, 8))) == NAMES
    assert float(objective(maps, targets, (4, 8))["center_loss"]) == pytest.approx(8)
    maps = put(maps, "top_left_center", (1, 1), [3.0, 2.0])
    assert float(objective(maps, targets, (4, 8))["center_loss"]) == pytest.approx(4)
    maps = put(maps, "bottom_right_center", (7, 5), [0.0, 2.0])
    assert float(objective(maps, targets, (4, 8))["center_loss"]) == pytest.approx(2.5)
    # Elsewhere nothing is learnt.
    maps = put(maps, "bottom_right_center", (6, 5), [9.0, 9.0])
    assert float(objective(maps, targets, (4, 8))["center_loss"]) == pytest.approx(2.5)


def test_a_mean_over_objects_and_its_weights():
    """Two objects of ways (3, 2) and (1, 1): (8 + 2) / 2; a tenth of it by default."""
    targets = kit.make_targets([[[4, 8, 28, 40], [32, 64, 40, 80]]])
    found = build("center_weight: 1")(make_maps(0.0), targets, (4, 8))
    assert float(found["center_loss"]) == pytest.approx(5)
    default = build()(make_maps(0.0), targets, (4, 8))
    assert float(default["center_loss"]) == pytest.approx(0.5)
    half = build("heat_weight: 0.5 offset_weight: 0")(make_maps(0.0), targets, (4, 8))
    assert float(half["heat_loss"]) == pytest.approx(float(default["heat_loss"]) / 2)
    assert float(half["offset_loss"]) == 0


def test_heat_and_offsets_are_those_of_corner_objective():
    targets = kit.make_targets([[[3, 5, 30, 33], [8, 4, 40, 20]]], classes=[[0, 1]])
    maps = make_maps()
    tags = {f"{c}_embedding": maps[f"{c}_offset"][..., :1] for c in _corners()}
    other = registry.build(keypoints_pb2.CornerObjective(), num_classes=K)
    want = other(maps | tags, targets, 4)
    found = kit.check_graph(lambda m: build()(m, targets, 4), maps)
    for name in ("heat_loss", "offset_loss"):
        assert float(found[name]) == pytest.approx(float(want[name]), rel=1e-5)
    kit.check_graph(lambda m: build()(m, targets, 4), maps, jit_compile=True)


def _corners():
    return "top_left", "bottom_right"


@pytest.mark.parametrize("name", kit.target_cases())
def test_gradients_are_finite(name):
    targets = kit.target_cases()[name]
    maps = make_maps(images=targets.boxes.shape[0])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        losses = build()(maps, targets.with_longest(), (8, 16))
        total = tf.add_n(list(losses.values()))
    assert np.isfinite(total)
    for gradient in tape.gradient(total, maps).values():
        assert gradient is None or np.isfinite(tf.convert_to_tensor(gradient)).all()


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("min_overlap: 0", "min_overlap", "must be above 0"),
        ("center_weight: -1", "center_weight", "is -1"),
        ("center_loss { weighted_iou {} }", "center_loss", "is of boxes, and centers"),
    ],
)
def test_refused(text, place, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        build(text)
    assert caught.value.field_path == place
