"""The part that goes class by class: any suppression, static or growing."""

import numpy as np
import pytest
import tensorflow as tf
from kit import random_boxes

from od_api.layers.engine_operators import engine_operators
from od_api.layers.ranked_boxes import best_of, ranked
from od_api.postprocess import detections
from od_api.postprocess.detections import SelectDetections
from od_api.suppressions.cluster_nms import ClusterNms
from od_api.suppressions.greedy_nms import GreedyNms
from od_api.suppressions.soft_nms import SoftNms

WINDOW = np.float32([[0, 0, 30, 30]])


def scene(batch=2, anchors=50, classes=3, own_boxes=False):
    """boxes [B, A, Q, 4], scores [B, A, K] without ties, window [B, 4]."""
    rng = np.random.default_rng(7)
    shape = (batch, anchors, classes if own_boxes else 1)
    boxes = random_boxes(rng, *shape, size=30.0)
    scores = rng.permutation(batch * anchors * classes) + 1
    scores = scores.reshape(batch, anchors, classes) / (scores.size + 1)
    return boxes, scores.astype(np.float32), np.repeat(WINDOW, batch, 0)


def select(boxes, scores, window, columns=None, suppression=None, **settings):
    settings = dict(score_threshold=0.1, per_class=5, total=12) | settings
    part = SelectDetections(
        suppression=suppression or GreedyNms(iou_threshold=0.4), **settings
    )
    inputs = (boxes, scores, columns or {}, window)
    return tf.function(part.select)(*tf.nest.map_structure(tf.constant, inputs))


def select_of_any_number(boxes, scores, window, suppression=None, **settings):
    """As `select`, traced for any number of images and anchors."""
    settings = dict(score_threshold=0.1, per_class=5, total=12) | settings
    part = SelectDetections(
        suppression=suppression or GreedyNms(iou_threshold=0.4), **settings
    )
    inputs = (boxes, scores, {}, window)
    open_axes = {4: [None, None], 3: [None, None], 2: [None]}
    specs = tf.nest.map_structure(
        lambda x: tf.TensorSpec(
            [*open_axes[x.ndim], *x.shape[len(open_axes[x.ndim]) :]], tf.float32
        ),
        inputs,
    )
    return tf.function(part.select, input_signature=specs)(*inputs)


def assert_equal(found, expected):
    for name in ("boxes", "scores", "classes", "count", "anchor_indices"):
        np.testing.assert_array_equal(
            getattr(found, name), getattr(expected, name), err_msg=name
        )


@pytest.mark.parametrize("own_boxes", [False, True])
@pytest.mark.parametrize("classes_per_box", [0, 2])
@pytest.mark.parametrize("max_candidates", [0, 7])
def test_the_static_form_is_the_same(own_boxes, classes_per_box, max_candidates):
    inputs = scene(own_boxes=own_boxes)
    settings = dict(classes_per_box=classes_per_box, max_candidates=max_candidates)
    native = select(*inputs, **settings)
    assert np.all(native.count > 3)
    assert_equal(select(*inputs, static=True, **settings), native)


@pytest.mark.parametrize(
    "settings",
    [
        dict(total=5),
        dict(total=40, per_class=40),
        dict(score_threshold=0.8),
        dict(max_candidates=7),
        dict(classes_per_box=2),
        dict(suppression=SoftNms(), per_class=12),
        dict(suppression=ClusterNms()),
    ],
)
def test_for_engines_the_best_anchors_come_first(settings, monkeypatch):
    """It is settled by 20 of 50 anchors, not by these, or soon below the threshold;
    soft suppression lowers scores below those that were left out."""
    inputs = scene()
    native = select(*inputs, **settings)
    monkeypatch.setattr(detections, "_FIRST_ANCHORS", 20)
    monkeypatch.setattr(detections, "_FIRST_PER_PLACE", 0)
    with engine_operators():
        assert_equal(select(*inputs, static=True, **settings), native)


@pytest.mark.parametrize(
    ("settings", "anchors"),
    [
        (dict(total=5), 50),
        (dict(total=40, per_class=40), 50),
        (dict(classes_per_box=2), 50),
        ({}, 20),
        ({}, 0),
    ],
)
def test_for_engines_the_number_of_anchors_may_be_open(settings, anchors, monkeypatch):
    """More than the 20 that are looked at first, as many, and none."""
    boxes, scores, window = scene(anchors=50)
    inputs = boxes[:, :anchors], scores[:, :anchors], window
    native = select(*inputs, **settings)
    monkeypatch.setattr(detections, "_FIRST_ANCHORS", 20)
    monkeypatch.setattr(detections, "_FIRST_PER_PLACE", 0)
    with engine_operators(branches_of_open_sizes=True):
        found = select_of_any_number(*inputs, static=True, **settings)
    assert_equal(found, native)


@pytest.mark.parametrize("own_boxes", [False, True])
@pytest.mark.parametrize("anchors", [20, 50])
def test_engines_merge_the_classes_at_once(own_boxes, anchors, monkeypatch):
    """Scores of few values tie within and between classes; a window that cuts most
    boxes leaves some no area, though they have removed others."""
    boxes, scores, window = scene(anchors=anchors, own_boxes=own_boxes)
    scores, window = np.ceil(scores * 6) / 8, window / [1, 1, 3, 2]
    inputs = boxes, scores, window.astype(np.float32)
    settings = dict(total=15, per_class=4)
    native = select(*inputs, **settings)
    assert 0 < np.min(native.count) < 12
    monkeypatch.setattr(detections, "_FIRST_ANCHORS", 20)
    monkeypatch.setattr(detections, "_FIRST_PER_PLACE", 0)
    with engine_operators():
        assert_equal(select(*inputs, static=True, **settings), native)


def test_equal_scores_at_the_edge_of_the_best_anchors(monkeypatch):
    """Scores of few values: those of the last anchor taken are not certain."""
    boxes, scores, window = scene()
    scores = np.ceil(scores * 6) / 7
    native = select(boxes, scores, window)
    monkeypatch.setattr(detections, "_FIRST_ANCHORS", 20)
    monkeypatch.setattr(detections, "_FIRST_PER_PLACE", 0)
    with engine_operators(branches_of_open_sizes=True):
        for found in (
            select(boxes, scores, window, static=True),
            select_of_any_number(boxes, scores, window, static=True),
        ):
            assert_equal(found, native)


def test_xla_compiles_the_static_form():
    inputs = scene()
    part = SelectDetections(
        suppression=GreedyNms(iou_threshold=0.4),
        score_threshold=0.1,
        per_class=5,
        total=12,
        static=True,
    )
    boxes, scores, window = tf.nest.map_structure(tf.constant, inputs)
    compiled = tf.function(part.select, jit_compile=True)(boxes, scores, {}, window)
    assert_equal(compiled, select(*inputs))


def test_the_best_candidates_of_each_class_alone():
    """Three equal boxes and one far away, the worst: 3 candidates miss it."""
    box, far = [0, 0, 9, 9], [20, 20, 29, 29]
    boxes = np.float32([[box, box, box, far]])[:, :, None]
    scores = np.float32([[[0.9], [0.8], [0.7], [0.6]]])
    assert int(select(boxes, scores, WINDOW).count[0]) == 2
    assert int(select(boxes, scores, WINDOW, max_candidates=3).count[0]) == 1
    found = select(boxes[:, ::-1], scores[:, ::-1], WINDOW, max_candidates=3)
    assert found.anchor_indices[0, 0] == 3


def test_a_suppression_may_say_how_many_candidates_it_takes():
    """Two of three boxes apart; `max_candidates` stands above it."""
    suppression = GreedyNms()
    suppression.default_candidates = 2
    boxes = np.float32([[[0, 0, 9, 9], [20, 20, 29, 29], [40, 40, 49, 49]]])[:, :, None]
    scores = np.float32([[[0.9], [0.8], [0.7]]])
    window = np.float32([[0, 0, 50, 50]])
    for most, count in ((0, 2), (1, 1), (3, 3)):
        found = select(
            boxes, scores, window, suppression=suppression, max_candidates=most
        )
        assert int(found.count[0]) == count


class Counting:
    """Keeps all; its scores say how many boxes it was shown."""

    columns = ()

    def __init__(self, needs_all):
        self.needs_all = needs_all

    def suppress(self, boxes, scores, columns, limit, floor):
        best = ranked(boxes, scores, columns)
        size = tf.cast(tf.shape(scores)[-1], tf.float32)
        return best_of(best, tf.zeros_like(best.scores) + size, limit)


@pytest.mark.parametrize("needs_all, seen", [(False, 512), (True, 600)])
def test_what_needs_all_boxes_gets_them(needs_all, seen):
    found = select(*scene(anchors=600), suppression=Counting(needs_all))
    assert set(found.scores[0].numpy()) == {seen}


class Moving:
    """Keeps the best box and puts it where its column says."""

    columns = ("place",)
    needs_all = False

    def suppress(self, boxes, scores, columns, limit, floor):
        best = ranked(boxes, scores, columns)
        moved = best.columns["place"] + [0.0, 0.0, 1.0, 1.0]
        first = tf.range(tf.shape(moved)[-2]) == 0
        values = tf.where(first, best.scores, float("-inf"))
        return best_of(best, values, limit, boxes=moved)

    def static(self):
        return self


@pytest.mark.parametrize("static", [False, True])
def test_columns_go_with_their_boxes_and_boxes_may_move(static):
    """Anchor 1 is the best of class 0, anchor 0 of class 1; they lie at 5 and at 3."""
    boxes = np.zeros([1, 2, 1, 4], np.float32)
    scores = np.float32([[[0.2, 0.8], [0.9, 0.3]]])
    columns = {"place": np.float32([[[3.0], [5.0]]])}
    found = select(boxes, scores, WINDOW, columns, suppression=Moving(), static=static)
    assert found.boxes[0, :2].numpy().tolist() == [[5, 5, 6, 6], [3, 3, 4, 4]]
    assert int(found.count[0]) == 2


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("classes_per_box", [0, 1])
def test_no_anchors(static, classes_per_box):
    boxes, scores = np.zeros([2, 0, 1, 4]), np.zeros([2, 0, 3])
    found = select(
        boxes.astype(np.float32),
        scores.astype(np.float32),
        np.repeat(WINDOW, 2, 0),
        static=static,
        classes_per_box=classes_per_box,
    )
    assert found.boxes.shape == (2, 12, 4) and not np.any(found.count)


def loops(function, inputs):
    """How many loops are in a function's graph, those of its functions included."""
    graph = function.get_concrete_function(*inputs).graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    kinds = ("While", "StatelessWhile", "MapDefun")
    return sum(node.op in kinds for node in nodes)


def test_the_static_form_has_no_loop_over_images_or_classes():
    """As many loops of 2 images and 3 classes as of one; none is of the map."""

    def count(batch, classes):
        part = SelectDetections(
            suppression=GreedyNms(),
            score_threshold=0.1,
            per_class=5,
            total=12,
            static=True,
        )
        boxes, scores, window = scene(batch, 50, classes)
        inputs = tf.nest.map_structure(tf.constant, (boxes, scores, {}, window))
        return loops(tf.function(part.select), inputs)

    assert count(2, 3) == count(1, 1) <= 3
