"""Corners that are paired, by hand and against NumPy written from the paper."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import grouping_pb2

K, STRIDE = 2, 4


def build(text=""):
    return registry.build(text_format.Parse(text, grouping_pb2.CornerGrouping()))


def empty_maps(size=8, images=1):
    widths = {"heat": K, "embedding": 1, "offset": 2}
    maps = {
        f"{corner}_{kind}": np.zeros((images, size, size, n), np.float32)
        for corner in ("top_left", "bottom_right")
        for kind, n in widths.items()
    }
    for corner in ("top_left", "bottom_right"):
        maps[f"{corner}_heat"][:] = -20.0
    return maps


def put(maps, corner, cell, kind, score, tag=0.0, offset=(0.0, 0.0)):
    at = (0, *cell)
    maps[f"{corner}_heat"][(*at, kind)] = np.log(score / (1 - score))
    maps[f"{corner}_embedding"][at] = tag
    maps[f"{corner}_offset"][at] = offset


def found(maps, text="top_k: 4", least=1e-3):
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
    """Cells (1, 2) + (.25, .5) and (5, 6) of 4 pixels; (.8 + .6) / 2."""
    maps = empty_maps()
    put(maps, "top_left", (1, 2), 1, 0.8, offset=(0.25, 0.5))
    put(maps, "bottom_right", (5, 6), 1, 0.6)
    assert found(maps, least=0.6) == [([5.0, 10.0, 20.0, 24.0], 1, 0.7)]


@pytest.mark.parametrize(
    ("cell", "kind", "tag", "kept"),
    [
        ((5, 6), 1, 0.5, True),  # the limit itself
        ((5, 6), 1, 0.501, False),
        ((5, 6), 1, -0.6, False),
        ((5, 6), 0, 0.0, False),  # another class
        ((5, 2), 1, 0.0, False),  # no width
        ((0, 6), 1, 0.0, False),  # above
    ],
)
def test_pairs_that_do_not_go_together(cell, kind, tag, kept):
    maps = empty_maps()
    put(maps, "top_left", (1, 2), 1, 0.8)
    put(maps, "bottom_right", cell, kind, 0.6, tag)
    assert bool(found(maps, least=0.6)) == kept


def test_two_objects_are_told_apart_by_their_embeddings():
    maps = empty_maps()
    for cell, far, tag in (((1, 1), (5, 5), 1.0), ((1, 3), (5, 7), 3.0)):
        put(maps, "top_left", cell, 0, 0.9, tag)
        put(maps, "bottom_right", far, 0, 0.8, tag + 0.2)
    boxes = [box for box, _, _ in found(maps, least=0.6)]
    assert sorted(boxes) == [[4, 4, 20, 20], [4, 12, 20, 28]]


def test_only_peaks_are_corners():
    """The neighbour of a better corner is none, unless the kernel is of one cell."""
    maps = empty_maps()
    put(maps, "top_left", (1, 1), 0, 0.9)
    put(maps, "top_left", (2, 2), 0, 0.8)
    put(maps, "bottom_right", (6, 6), 0, 0.9)
    assert len(found(maps, least=0.6)) == 1
    assert len(found(maps, "top_k: 4 peak_kernel: 1", least=0.6)) == 2


def oracle(maps, top_k, limit, max_distance=0.5):
    """[(score, class, box)] of one image by loops, best first."""

    def corners(name):
        heat = 1 / (1 + np.exp(-maps[f"{name}_heat"][0].astype(np.float64)))
        found = []
        for i, j, k in np.ndindex(heat.shape):
            around = heat[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2, k]
            if heat[i, j, k] == around.max():
                place = np.array([i, j]) + maps[f"{name}_offset"][0, i, j]
                tag = maps[f"{name}_embedding"][0, i, j, 0]
                found.append((heat[i, j, k], place, tag, k))
        return sorted(found, key=lambda one: -one[0])[:top_k]

    pairs = []
    for score, start, tag, kind in corners("top_left"):
        for other, end, other_tag, other_kind in corners("bottom_right"):
            fits = kind == other_kind and abs(tag - other_tag) <= max_distance
            if fits and (end > start).all():
                box = np.concatenate([start, end]) * STRIDE
                pairs.append(((score + other) / 2, kind, box))
    return sorted(pairs, key=lambda one: -one[0])[:limit]


def test_random_maps_against_loops():
    rng = np.random.default_rng(3)
    maps = {
        name: rng.normal(size=value.shape).astype(np.float32)
        for name, value in empty_maps(9).items()
    }
    grouping = build("top_k: 15 max_boxes: 40")
    tensors = {name: tf.constant(value) for name, value in maps.items()}
    made = kit.check_graph(lambda m: grouping(m, STRIDE), tensors)
    want = oracle(maps, 15, 40)
    assert 10 < len(want) == int(tf.reduce_sum(tf.cast(made.valid, tf.int32)))
    for row, (score, kind, box) in enumerate(want):
        assert float(made.scores[0, row, kind]) == pytest.approx(score, abs=1e-6)
        np.testing.assert_allclose(made.boxes[0, row], box, atol=1e-4)
    assert not made.scores[0, len(want) :].numpy().any()
    assert not made.boxes[0, len(want) :].numpy().any()
    kit.check_graph(lambda m: grouping(m, STRIDE), tensors, jit_compile=True)


def test_a_batch_equals_its_images_and_any_size_is_taken():
    rng = np.random.default_rng(4)
    maps = {
        name: tf.constant(rng.normal(size=value.shape), tf.float32)
        for name, value in empty_maps(5, images=2).items()
    }
    grouping = build("top_k: 100 max_boxes: 7")  # more than there are numbers
    both = grouping(maps, STRIDE)
    assert both.boxes.shape == (2, 7, 4) and both.scores.shape == (2, 7, K)
    for i in range(2):
        one = grouping({n: x[i : i + 1] for n, x in maps.items()}, STRIDE)
        kit.assert_same(one.boxes[0], both.boxes[i])
    spec = {n: tf.TensorSpec([None, None, None, x.shape[-1]]) for n, x in maps.items()}
    run = tf.function(lambda m: grouping(m, STRIDE), input_signature=[spec])
    kit.assert_same(run(maps).boxes, both.boxes)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("top_k: 0", "top_k"),
        ("top_k: 5000", "top_k"),
        ("peak_kernel: 2", "peak_kernel"),
        ("peak_kernel: 0", "peak_kernel"),
        ("max_distance: -1", "max_distance"),
        ("max_boxes: 0", "max_boxes"),
    ],
)
def test_refused(text, place):
    with pytest.raises(ConfigError, match="must be") as caught:
        build(text)
    assert caught.value.field_path == place
