"""Online high-quality anchor mining: by hand, and against the loop of the paper."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.assigners.argmax_matcher import ArgMaxMatcher
from od_api.assigners.high_quality_matcher import HighQualityMatcher
from od_api.core.errors import ConfigError, UserError
from od_api.core.registry import build
from od_api.core.types import Predictions, as_priors
from od_api.protos import matcher_pb2
from od_api.similarities.iou_similarity import IouSimilarity

FACE = [0.0, 0, 10, 10]


def first_step(threshold=0.35):
    return ArgMaxMatcher(
        similarity=IouSimilarity(),
        matched_threshold=threshold,
        unmatched_threshold=threshold,
    )


def matcher(**options):
    return HighQualityMatcher(matcher=first_step(), **options)


def predicted(boxes):
    """Predictions of boxes [B, A, 4] or, by class, [B, A, K, 4]."""
    boxes = tf.cast(boxes, tf.float32)
    if boxes.shape.rank == 3:
        boxes = boxes[:, :, None]
    return Predictions(None, None, boxes, None, {}, (100, 100), None)


def wide(*overlaps):
    """Boxes in FACE with these IoU: as high, a part as wide."""
    return np.float32([[0, 0, 10, 10 * share] for share in overlaps])


def one_face(online, own=None, **options):
    """The assignment of priors of FACE: their own IoU, and that of their boxes."""
    own = [0.9] + [0.2] * (len(online) - 1) if own is None else own
    targets = kit.make_targets([[FACE]])
    return matcher(**options).assign(wide(*own), targets, predicted([wide(*online)]))


@pytest.mark.parametrize(
    ("options", "mined"),
    [
        # One match, three wanted; .9, .7 and .4 are there.
        ({"mined_iou": 0.5}, [0, 1, 1, 0]),
        ({"mined_iou": 0.8}, [0, 1, 0, 0]),
        ({"mined_iou": 0.3}, [0, 1, 1, 0]),
        ({"mined_iou": 0.3, "wanted_matches": 4}, [0, 1, 1, 1]),
        ({"mined_iou": 0.5, "wanted_matches": 2}, [0, 1, 0, 0]),
        # As many as wanted are there already.
        ({"mined_iou": 0.5, "wanted_matches": 1}, [0, 0, 0, 0]),
    ],
)
def test_mined(options, mined):
    found = one_face([0.95, 0.9, 0.7, 0.4], **options)
    np.testing.assert_array_equal(found.mined[0], np.bool_(mined))
    np.testing.assert_array_equal(found.label[0], np.maximum(mined, [1, 0, 0, 0]))
    wanted = np.where(mined, [0.95, 0.9, 0.7, 0.4], [0.9, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(found.quality[0], wanted, rtol=1e-5)


def test_limit_is_closed_and_the_first_of_equals_is_taken():
    """IoU 1/2 exactly; one is wanted beside the match."""
    found = one_face([1, 0.5, 0.5], mined_iou=0.5, wanted_matches=2)
    np.testing.assert_array_equal(found.mined, [[False, True, False]])


def test_ignored_priors_are_not_mined():
    """Between the thresholds of the first step a prior is neither."""
    first = ArgMaxMatcher(
        similarity=IouSimilarity(), matched_threshold=0.7, unmatched_threshold=0.3
    )
    found = HighQualityMatcher(matcher=first).assign(
        wide(0.5, 0.2), kit.make_targets([[FACE]]), predicted([wide(1, 0.9)])
    )
    np.testing.assert_array_equal(found.label, [[-1, 1]])


def test_invalid_priors_are_not_mined():
    priors = as_priors(wide(0.2, 0.2))._replace(valid=tf.constant([False, True]))
    found = matcher(wanted_matches=1).assign(
        priors, kit.make_targets([[FACE]]), predicted([wide(1, 0.9)])
    )
    np.testing.assert_array_equal(found.mined, [[False, True]])


def test_a_prior_goes_to_its_best_object():
    """Faces 10 and 8 wide: a box 8.5 wide is nearer the second, of 9.5 the first."""
    targets = kit.make_targets([[FACE, [0, 0, 10, 8]]])
    found = matcher().assign(wide(0.1, 0.1), targets, predicted([wide(0.85, 0.95)]))
    np.testing.assert_array_equal(found.label, [[1, 1]])
    np.testing.assert_array_equal(found.gt_index, [[1, 0]])
    np.testing.assert_allclose(found.quality, [[8 / 8.5, 0.95]], rtol=1e-5)


def test_objects_of_weight_0_mine_nothing():
    targets = kit.make_targets([[FACE]], weights=[[0]])
    found = matcher().assign(wide(0.1), targets, predicted([wide(1)]))
    np.testing.assert_array_equal(found.label, [[0]])


def test_of_boxes_by_class_that_of_the_object_counts():
    boxes = np.stack([wide(1, 0.1), wide(0.1, 1)], axis=1)[None]
    for k, mined in ((0, [True, False]), (1, [False, True])):
        targets = kit.make_targets([[FACE]], classes=[[k]])
        found = matcher().assign(wide(0.1, 0.1), targets, predicted(boxes))
        np.testing.assert_array_equal(found.mined, [mined])


def _iou(a, b):
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(height, 0) * max(width, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return overlap / (sum(areas) - overlap)


def _loop(label, gt_index, boxes, faces, wanted, least):
    """The paper's loop over faces; a prior is a candidate of its best face alone."""
    label, gt_index = label.copy(), gt_index.copy()
    table = np.array([[_iou(b, f) for b in boxes] for f in faces])
    before = label.copy()
    for x in range(len(faces)):
        matches = np.sum((before == 1) & (gt_index == x))
        for a in np.argsort(-table[x], kind="stable"):
            if matches >= wanted or table[x, a] < least:
                break
            if label[a] != 0 or table[:, a].argmax() != x:
                continue
            label[a], gt_index[a] = 1, x
            matches += 1
    return label, gt_index


@pytest.mark.parametrize("seed", range(4))
def test_against_the_loop(seed):
    rng = np.random.default_rng(seed)
    faces = kit.random_boxes(rng, 2, 6, size=60)
    priors = kit.random_boxes(rng, 80, size=60)
    boxes = np.repeat(faces, 14, axis=1)[:, :80] + rng.normal(0, 2, (2, 80, 4))
    boxes = np.float32(boxes)
    targets = kit.make_targets(faces)
    found = matcher(wanted_matches=4).assign(priors, targets, predicted(boxes))
    start = first_step().assign(priors, targets)
    for i in range(2):
        label, index = _loop(
            start.label[i].numpy(),
            start.gt_index[i].numpy(),
            boxes[i],
            faces[i],
            4,
            0.5,
        )
        np.testing.assert_array_equal(found.label[i], label)
        np.testing.assert_array_equal(found.gt_index[i], index)
    assert found.mined.numpy().sum() > 10


class _Near:
    """Predicts what lies near a prior."""

    def __init__(self, own):
        self.own = own

    def assign(self, anchors, targets, predictions=None):
        boxes = tf.cast(anchors, tf.float32) + tf.constant([0.0, 5, 0, 5])
        shape = [targets.valid.shape[0], *boxes.shape[-2:]]
        return self.own.assign(
            anchors, targets, predicted(tf.broadcast_to(boxes, shape))
        )


def test_kit():
    kit.check_assigner(_Near(matcher(mined_iou=0.1)))


def built(text):
    message = text_format.Parse(
        f"high_quality_matcher {{ {text} }}", matcher_pb2.Matcher()
    )
    return build(message, similarity=IouSimilarity())


def test_from_a_message():
    assert built("").matcher.matched_threshold == np.float32(0.35)
    own = built("matcher { argmax_matcher { matched_threshold: 0.6 } } mined_iou: 0.8")
    assert own.matcher.matched_threshold == np.float32(0.6)
    assert (own.wanted_matches, own.mined_iou) == (3, np.float32(0.8))


@pytest.mark.parametrize("text", ["mined_iou: 0", "wanted_matches: 0", "matcher {}"])
def test_bad_settings(text):
    with pytest.raises(ConfigError, match=text.split(" ")[0].rstrip(":")):
        built(text)


def test_needs_predictions():
    with pytest.raises(UserError, match="before there are any"):
        matcher().assign(wide(1), kit.make_targets([[FACE]]))
