"""Corners that are paired by their centres, by hand and by loops over the pairs."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import grouping_pb2

K, STRIDE = 2, (4, 8)


def build(text=""):
    message = text_format.Parse(text, grouping_pb2.CornerToCenterGrouping())
    return registry.build(message)


def empty_maps(size=8, images=1):
    widths = {"heat": K, "center": 2, "offset": 2}
    maps = {
        f"{corner}_{kind}": np.zeros((images, size, size, n), np.float32)
        for corner in ("top_left", "bottom_right")
        for kind, n in widths.items()
    }
    for corner in ("top_left", "bottom_right"):
        maps[f"{corner}_heat"][:] = -20.0
    return maps


def put(maps, corner, cell, score, way, kind=1, offset=(0.0, 0.0)):
    at = (0, *cell)
    maps[f"{corner}_heat"][(*at, kind)] = np.log(score / (1 - score))
    maps[f"{corner}_center"][at] = way
    maps[f"{corner}_offset"][at] = offset


def found(maps, text="top_k: 4", least=0.6):
    """[(box, class, score)] of the first image, rounded."""
    grouped = build(text)({n: tf.constant(x) for n, x in maps.items()}, STRIDE)
    rows = []
    for box, scores in zip(
        grouped.boxes[0].numpy(), grouped.scores[0].numpy(), strict=True
    ):
        if scores.max() > least:
            kind = int(scores.argmax())
            rows.append((box.tolist(), kind, round(float(scores[kind]), 4)))
    return rows


def test_a_pair_is_a_box_and_its_score_the_mean():
    """Cells (1, 2) + (.25, .5) and (5, 6) of 4 x 8 pixels; (.8 + .6) / 2."""
    maps = empty_maps()
    put(maps, "top_left", (1, 2), 0.8, (2, 2), offset=(0.25, 0.5))
    put(maps, "bottom_right", (5, 6), 0.6, (2, 2))
    assert found(maps, least=0.65) == [([5.0, 20.0, 20.0, 48.0], 1, 0.7)]


@pytest.mark.parametrize(
    ("ways", "kept"),
    [
        (((2, 2), (2, 2)), True),  # both have the centre (3, 4)
        (((2, 2.5), (2, 2.5)), True),  # .5 past it and .5 before: apart by 1 of 4
        (((2, 2.75), (2, 2.75)), False),  # by 1.5 of 4
        (((1.25, 2), (1.25, 2)), False),  # as much, the other way
        (((2.5, 2), (1.5, 2)), True),  # one centre, 1 cell off the middle in all
        (((2.5, 2.25), (1.5, 1.75)), False),  # 1.5 cells
    ],
)
def test_centres_must_agree(ways, kept):
    maps = empty_maps()
    put(maps, "top_left", (1, 2), 0.8, ways[0])
    put(maps, "bottom_right", (5, 6), 0.8, ways[1])
    assert bool(found(maps)) == kept


@pytest.mark.parametrize(
    ("cell", "kind", "way"),
    [
        ((5, 6), 0, (2, 2)),  # another class
        ((5, 2), 1, (2, 0)),  # no width
        ((0, 6), 1, (-1, 2)),  # above
    ],
)
def test_pairs_that_do_not_go_together(cell, kind, way):
    maps = empty_maps()
    put(maps, "top_left", (1, 2), 0.8, (2, 2))
    put(maps, "bottom_right", cell, 0.8, way, kind)
    assert found(maps, "max_difference: 9") == []


def test_two_objects_are_told_apart_by_their_centres():
    """3 x 3 cells at (0, 0) and at (4, 4); 7 x 7 would be the other pair."""
    maps = empty_maps()
    for start in (0, 4):
        put(maps, "top_left", (start, start), 0.9, (1.5, 1.5))
        put(maps, "bottom_right", (start + 3, start + 3), 0.8, (1.5, 1.5))
    boxes = [box for box, _, _ in found(maps)]
    assert sorted(boxes) == [[0, 0, 12, 24], [16, 32, 28, 56]]


def test_random_maps_against_loops():
    rng = np.random.default_rng(3)
    maps = {
        name: rng.normal(1 if "center" in name else 0, 1, value.shape).astype("f")
        for name, value in empty_maps(16).items()
    }
    grouping = build("top_k: 40 max_boxes: 40 max_distance: 0.6 max_difference: 2")
    tensors = {name: tf.constant(value) for name, value in maps.items()}
    made = kit.check_graph(lambda m: grouping(m, STRIDE), tensors)
    want = _by_loops(maps, 40)[:40]
    assert 3 < len(want) == int(tf.reduce_sum(tf.cast(made.valid, tf.int32)))
    for row, (score, kind, box) in enumerate(want):
        assert float(made.scores[0, row, kind]) == pytest.approx(score, abs=1e-6)
        np.testing.assert_allclose(made.boxes[0, row], box, atol=1e-4)
    kit.check_graph(lambda m: grouping(m, STRIDE), tensors, jit_compile=True)


def _by_loops(maps, top_k):
    """[(score, class, box)] of one image, best first: centres in cells, compared."""
    pairs = []
    for score, kind, start, way in _peaks(maps, "top_left", top_k):
        for other, other_kind, end, other_way in _peaks(maps, "bottom_right", top_k):
            if kind != other_kind or not (end > start).all():
                continue
            share = np.abs((start + way) - (end - other_way)) / (end - start)
            if (share <= 0.6).all() and np.abs(way - other_way).sum() <= 2:
                box = np.concatenate([start * STRIDE, end * STRIDE])
                pairs.append(((score + other) / 2, kind, box))
    return sorted(pairs, key=lambda one: -one[0])


def _peaks(maps, name, top_k):
    heat = 1 / (1 + np.exp(-maps[f"{name}_heat"][0].astype(np.float64)))
    found = []
    for i, j, k in np.ndindex(heat.shape):
        if heat[i, j, k] == heat[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2, k].max():
            place = np.array([i, j]) + maps[f"{name}_offset"][0, i, j]
            found.append((heat[i, j, k], k, place, maps[f"{name}_center"][0, i, j]))
    return sorted(found, key=lambda one: -one[0])[:top_k]


def test_any_size_is_taken():
    maps = {n: tf.constant(x) for n, x in empty_maps(1, images=2).items()}
    made = build("max_boxes: 7")(maps, STRIDE)
    assert made.boxes.shape == (2, 7, 4) and not made.valid[:, 1:].numpy().any()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("top_k: 0", "top_k"),
        ("peak_kernel: 2", "peak_kernel"),
        ("max_distance: -1", "max_distance"),
        ("max_difference: -1", "max_difference"),
        ("max_boxes: 0", "max_boxes"),
    ],
)
def test_refused(text, place):
    with pytest.raises(ConfigError, match="must be") as caught:
        build(text)
    assert caught.value.field_path == place
