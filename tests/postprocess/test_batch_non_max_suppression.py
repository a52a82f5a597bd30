import nms_oracle
import numpy as np
import pytest
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.postprocess.batch_non_max_suppression import BatchNonMaxSuppression
from od_api.protos import post_processing_pb2
from od_api.suppressions.fast_nms import FastNms

# IoU(A, B) = IoU(B, C) = 7/13 = .538, IoU(A, C) = .25.
ABC = np.array([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]], np.float32)
ABC_SCORES = np.array([[0.9], [0.8], [0.7]], np.float32)


def select(boxes, scores, window=None, **settings):
    """Detections of one image as a list of (score, class, anchor index)."""
    part = BatchNonMaxSuppression(**settings)
    window = None if window is None else np.asarray([window], np.float32)
    d = part.select(np.asarray(boxes)[None], np.asarray(scores)[None], window)
    n = int(d.count[0])
    rows = zip(d.scores[0], d.classes[0], d.anchor_indices[0], strict=True)
    rows = [(float(s), int(c), int(i)) for s, c, i in rows]
    assert all(row == (0.0, 0, 0) for row in rows[n:])
    assert not np.any(d.boxes[0, n:])
    return rows[:n]


def anchors_of(rows):
    return [i for _, _, i in rows]


def scene(seed, anchors=60, classes=3, batch=None, clusters=6, size=100):
    """Boxes in clusters, so that suppression has work to do, and their scores."""
    rng = np.random.default_rng(seed)
    shape = (anchors,) if batch is None else (batch, anchors)
    center = rng.uniform(0, size, (clusters, 2))[rng.integers(0, clusters, shape)]
    center = center + rng.normal(0, size / 30, (*shape, 2))
    half = rng.uniform(size / 15, size / 7, (*shape, 2))
    boxes = np.concatenate([center - half, center + half], -1)
    scores = rng.beta(0.5, 3, (*shape, classes))
    return boxes.astype(np.float32), scores.astype(np.float32)


@pytest.mark.parametrize(
    "iou_threshold, kept", [(0.5, [0, 2]), (0.6, [0, 1, 2]), (0.2, [0])]
)
def test_three_boxes_in_a_row(iou_threshold, kept):
    """At .5 A drops B (.538), and C overlaps only what was dropped; at .2 A drops C."""
    assert anchors_of(select(ABC, ABC_SCORES, iou_threshold=iou_threshold)) == kept


def test_iou_equal_to_the_threshold_survives():
    """IoU of [0,0,2,1] and [0,0,1,1] is exactly 1/2."""
    boxes = [[0.0, 0, 2, 1], [0, 0, 1, 1]]
    rows = select(boxes, [[0.9], [0.8]], iou_threshold=0.5)
    assert anchors_of(rows) == [0, 1]


def test_soft_suppression_decays_scores():
    """sigma .25: exp(-IoU^2 / .5). C: .7 exp(-.0625 / .5) = .617748; then B by A and C:
    .8 exp(-2 (7/13)^2 / .5) = .250848. The IoU threshold of .1 plays no part."""
    rows = select(ABC, ABC_SCORES, soft_nms_sigma=0.25, iou_threshold=0.1)
    assert anchors_of(rows) == [0, 2, 1]
    np.testing.assert_allclose(
        [s for s, _, _ in rows], [0.9, 0.617748, 0.250848], atol=1e-6
    )


def test_soft_suppression_in_static_shapes():
    soft = dict(soft_nms_sigma=0.25, score_threshold=0.2)
    native = select(ABC, ABC_SCORES, **soft)
    static = select(ABC, ABC_SCORES, use_static_shapes=True, **soft)
    assert anchors_of(native) == [0, 2, 1]
    np.testing.assert_allclose(static, native, rtol=1e-6)


def test_soft_suppression_drops_scores_that_decay_below_the_threshold():
    rows = select(ABC, ABC_SCORES, soft_nms_sigma=0.25, score_threshold=0.3)
    assert anchors_of(rows) == [0, 2]


def test_classes_do_not_suppress_each_other_unless_told_to():
    """The same box twice: a cat at .9 and a dog at .8."""
    boxes, scores = [[0.0, 0, 9, 9]] * 2, [[0.9, 0.0], [0.0, 0.8]]
    rows = select(boxes, scores)
    assert [(c, i) for _, c, i in rows] == [(0, 0), (1, 1)]
    rows = select(boxes, scores, use_class_agnostic_nms=True)
    assert [(c, i) for _, c, i in rows] == [(0, 0)]


def test_a_surviving_box_can_be_reported_under_several_classes():
    """A survives with its two best classes, .9 and .3; C with .7 and .6; B falls."""
    scores = [[0.3, 0.9, 0.1], [0.8, 0.0, 0.0], [0.7, 0.6, 0.5]]
    rows = select(
        ABC,
        scores,
        iou_threshold=0.5,
        use_class_agnostic_nms=True,
        max_classes_per_detection=2,
    )
    assert [(c, i) for _, c, i in rows] == [(1, 0), (0, 2), (1, 2), (0, 0)]


def test_the_score_threshold_itself_is_too_low():
    assert select(ABC, [[0.5], [0.2], [0.5]], score_threshold=0.5) == []


def test_equal_scores_go_by_index_within_a_class_and_by_class_between_them():
    boxes = np.array([[0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]], np.float32)
    rows = select(boxes, np.full((3, 2), 0.5, np.float32))
    assert [c for _, c, _ in rows] == [0, 0, 0, 1, 1, 1]
    assert anchors_of(rows) == [0, 1, 2, 0, 1, 2]


def test_limits_per_class_and_in_total():
    boxes = np.array([[i, i, i + 1, i + 1] for i in range(4)], np.float32)
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]], np.float32)
    rows = select(boxes, scores, max_detections_per_class=2, max_total_detections=3)
    assert [(c, i) for _, c, i in rows] == [(0, 0), (0, 1), (1, 3)]


def test_boxes_are_clipped_and_those_outside_removed():
    """A drops B (.538 > .3) but not C (.25); C starts at x = 6, outside the window."""
    part = BatchNonMaxSuppression(iou_threshold=0.3)
    d = part.select(ABC[None], ABC_SCORES[None], np.float32([[0, 0, 10, 5]]))
    assert int(d.count[0]) == 1
    np.testing.assert_array_equal(d.boxes[0, 0], [0, 0, 10, 5])


def test_clipping_does_not_change_what_overlaps():
    """IoU of [0,0,10,10] and [0,0,10,30] is 1/3; clipped to x <= 10 both are equal."""
    boxes = [[0.0, 0, 10, 10], [0, 0, 10, 30]]
    rows = select(boxes, [[0.9], [0.8]], [0, 0, 10, 10], iou_threshold=0.5)
    assert anchors_of(rows) == [0, 1]


def test_a_removed_box_still_counts_towards_the_limit_of_its_class():
    """As in the old API: the first box, outside the window, uses up the class's one."""
    boxes = [[0.0, 20, 5, 25], [0, 0, 5, 5]]
    rows = select(
        boxes,
        [[0.9], [0.8]],
        [0, 0, 10, 10],
        max_detections_per_class=1,
        max_total_detections=2,
    )
    assert rows == []


@pytest.mark.parametrize("first", [4, 512])
@pytest.mark.parametrize(
    "settings",
    [
        dict(),
        dict(agnostic=True),
        dict(sigma=0.3),
        dict(sigma=0.3, agnostic=True),
        dict(threshold=0.3),
        dict(per_class=2),
        dict(iou_threshold=0.9, total=40, per_class=40),
    ],
    ids=str,
)
def test_equals_the_greedy_loop(monkeypatch, settings, first):
    """The plain loop's result, on 4 anchors and more when needed, or on all at once."""
    monkeypatch.setattr("od_api.postprocess.detections._GROWTH", 2)
    monkeypatch.setattr("od_api.postprocess.detections._FIRST_ANCHORS", first)
    s = dict(threshold=0.01, iou_threshold=0.4, total=10, per_class=10) | settings
    part = BatchNonMaxSuppression(
        score_threshold=s["threshold"],
        iou_threshold=s["iou_threshold"],
        max_total_detections=s["total"],
        max_detections_per_class=s["per_class"],
        soft_nms_sigma=s.get("sigma", 0.0),
        use_class_agnostic_nms=s.get("agnostic", False),
    )
    boxes, scores = scene(1, batch=3)
    window = np.float32([[0, 0, 100, 100], [10, 10, 60, 60], [0, 0, 30, 100]])
    found = tf.function(part.select)(boxes, scores, window)
    for b in range(3):
        rows = nms_oracle.select(boxes[b], scores[b], window[b], **s)
        n = len(rows)
        assert n > 0 and int(found.count[b]) == n
        assert found.anchor_indices[b, :n].numpy().tolist() == [r[3] for r in rows]
        assert found.classes[b, :n].numpy().tolist() == [r[2] for r in rows]
        np.testing.assert_array_equal(found.boxes[b, :n], [r[0] for r in rows])
        np.testing.assert_allclose(
            found.scores[b, :n], [r[1] for r in rows], rtol=1e-5 if "sigma" in s else 0
        )


def test_ties_are_exact_when_few_anchors_are_looked_at_first(monkeypatch):
    """Scores of eighths only: many anchors tie with the last one looked at."""
    monkeypatch.setattr("od_api.postprocess.detections._FIRST_ANCHORS", 5)
    for seed in range(5):
        boxes, scores = scene(seed, anchors=40)
        scores = np.round(scores * 8) / 8
        rows = nms_oracle.select(
            boxes, scores, total=8, per_class=8, threshold=0.0, iou_threshold=0.5
        )
        found = select(
            boxes,
            scores,
            iou_threshold=0.5,
            max_total_detections=8,
            max_detections_per_class=8,
        )
        assert [(s, c, i) for s, c, i in found] == [(s, k, i) for _, s, k, i in rows]


def test_the_order_of_the_input_does_not_matter():
    boxes, scores = scene(3)
    order = np.random.default_rng(0).permutation(len(boxes))
    moved = select(boxes[order], scores[order])
    assert [(s, c, order[i]) for s, c, i in moved] == select(boxes, scores)


def test_each_class_may_have_its_own_boxes():
    """Class 0 moves the second box away from the first one, class 1 onto it."""
    a, far = [0.0, 0, 9, 9], [50.0, 50, 59, 59]
    boxes = [[a, a], [far, a]]
    rows = select(boxes, [[0.9, 0.8], [0.7, 0.6]])
    assert [(c, i) for _, c, i in rows] == [(0, 0), (1, 0), (0, 1)]
    rows = select(boxes, [[0.9, 0.8], [0.7, 0.6]], use_class_agnostic_nms=True)
    assert [(c, i) for _, c, i in rows] == [(0, 0), (0, 1)]


@pytest.mark.parametrize("agnostic", [False, True])
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_no_anchors_and_no_images(batch, agnostic):
    part = BatchNonMaxSuppression(use_class_agnostic_nms=agnostic)
    d = part.select(tf.zeros([batch, 0, 4]), tf.zeros([batch, 0, 3]))
    assert d.boxes.shape == (batch, 100, 4)
    assert d.anchor_indices.shape == d.scores.shape == (batch, 100)
    assert np.sum(d.count) == 0


def test_unknown_batch_and_anchor_count_and_half_precision():
    part = BatchNonMaxSuppression(iou_threshold=0.5)
    spec = [tf.TensorSpec([None, None, 4], tf.float16)]
    spec += [tf.TensorSpec([None, None, 1], tf.float16)]
    d = tf.function(part.select, input_signature=spec)(
        tf.cast(ABC[None], tf.float16), tf.cast(ABC_SCORES[None], tf.float16)
    )
    assert d.boxes.dtype == d.scores.dtype == tf.float32
    assert d.anchor_indices[0, :2].numpy().tolist() == [0, 2]
    assert d.boxes.shape[1:] == (100, 4)


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(iou_threshold=1.5), "0..1"),
        (dict(max_total_detections=10), "raise the second"),
        (dict(soft_nms_sigma=-1), "sigma: is -1; it must be at least 0"),
        (dict(soft_nms_sigma=1, use_hard_nms=True), "contradicts"),
        (dict(max_classes_per_detection=0), "detection: is 0; it must be in 1"),
    ],
)
def test_settings_that_cannot_be(fields, message):
    with pytest.raises(ConfigError, match=message):
        build(post_processing_pb2.BatchNonMaxSuppression(**fields))


def test_old_switches_build():
    part = build(
        post_processing_pb2.BatchNonMaxSuppression(
            use_static_shapes=True,
            use_partitioned_nms=True,
            use_combined_nms=True,
            use_cpu_nms=True,
            use_hard_nms=True,
            change_coordinate_frame=False,
        )
    )
    assert part.max_total_detections == 100


@pytest.mark.parametrize(("agnostic", "allowed"), [(False, 3), (True, 4)])
def test_a_suppression_that_looks_at_fewer_than_are_kept_is_named(
    caplog, agnostic, allowed
):
    def build(candidates):
        return BatchNonMaxSuppression(
            suppression=FastNms(),
            max_candidates=candidates,
            max_detections_per_class=3,
            max_total_detections=4,
            use_class_agnostic_nms=agnostic,
        )

    with caplog.at_level("WARNING", logger="absl"):
        build(allowed)
        assert not caplog.messages
        build(allowed - 1)
    assert f"the best {allowed - 1} boxes" in caplog.text
