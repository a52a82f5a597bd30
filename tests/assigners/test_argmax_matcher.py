"""Each anchor takes its most similar ground-truth box."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.assigners.argmax_matcher import ArgMaxMatcher
from od_api.core.types import as_priors
from od_api.similarities.iou_similarity import IouSimilarity

# Rows are ground truth, columns are anchors.
VALUES = np.float32(
    [
        [0.9, 0.2, 0.5, 0.0, 0.4, 0.3],
        [0.1, 0.6, 0.5, 0.0, 0.1, 0.3],
        [0.0, 0.0, 0.1, 0.0, 0.2, 0.3],
    ]
)


def assign(values=VALUES, valid=None, weights=None, **options):
    """(label, gt_index, quality) of one image with these similarities."""
    matcher = ArgMaxMatcher(similarity=lambda *_: tf.constant(values)[None], **options)
    shape = values.shape[0]
    targets = kit.make_targets(
        np.ones([1, shape, 4]),
        valid=None if valid is None else [valid],
        weights=None if weights is None else [weights],
    )
    result = matcher.assign(tf.zeros([values.shape[1], 4]), targets)
    return [value[0].numpy().tolist() for value in (result.label, *result[:3])]


def test_one_threshold():
    """Best are .9 .6 .5 0 .4 .3; .5 is positive, and of two equal boxes the first."""
    label, index, _, quality = assign()
    assert label == [1, 1, 1, 0, 0, 0]
    assert index == [0, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(quality, [0.9, 0.6, 0.5, 0, 0.4, 0.3])


def test_two_thresholds():
    """Between 0.35 and 0.6 is ignored; a value on a threshold belongs above it."""
    label, index, _, _ = assign(matched_threshold=0.6, unmatched_threshold=0.35)
    assert label == [1, 1, -1, 0, -1, 0]
    assert index == [0, 1, 0, 0, 0, 0]


def test_negatives_between_the_thresholds():
    label, *_ = assign(
        matched_threshold=0.6,
        unmatched_threshold=0.35,
        negatives_lower_than_unmatched=False,
    )
    assert label == [1, 1, 0, -1, 0, -1]


def test_ignore_thresholds():
    """Every anchor is positive, anchor 3 for the first of three equally bad boxes."""
    label, index, _, _ = assign(ignore_thresholds=True)
    assert label == [1] * 6
    assert index == [0, 1, 0, 0, 0, 0]


def test_force_match():
    """Box 2 is most similar to anchor 5, which is negative otherwise."""
    label, index, _, quality = assign(force_match_for_each_row=True)
    assert label == [1, 1, 1, 0, 0, 1]
    assert index == [0, 1, 0, 0, 0, 2]
    np.testing.assert_allclose(quality, [0.9, 0.6, 0.5, 0, 0.4, 0.3])


def test_force_match_overrides_a_better_match():
    """Both boxes claim anchor 0 (.9 and .3); the first has it. In the second matrix
    box 1 claims anchor 1 although box 0 is more similar to it."""
    values = np.float32([[0.9, 0.8], [0.3, 0.1]])
    label, index, _, _ = assign(values, force_match_for_each_row=True)
    assert (label, index) == ([1, 1], [0, 0])
    values = np.float32([[0.9, 0.8], [0.1, 0.6]])
    label, index, _, quality = assign(values, force_match_for_each_row=True)
    assert (label, index) == ([1, 1], [0, 1])
    np.testing.assert_allclose(quality, [0.9, 0.6])


def test_force_match_of_a_box_that_nothing_overlaps():
    """As in the old API it claims the first anchor, and the first box goes first."""
    values = np.float32([[0.0, 0.0, 0.0], [0.0, 0.7, 0.0]])
    label, index, _, quality = assign(values, force_match_for_each_row=True)
    assert (label, index) == ([1, 1, 0], [0, 1, 0])
    np.testing.assert_allclose(quality, [0, 0.7, 0])


def test_weight_0_takes_part_except_in_forced_matches():
    """Box 1 keeps anchor 1 above the threshold; box 2 cannot claim anchor 5."""
    label, index, _, _ = assign(weights=[1, 0, 0], force_match_for_each_row=True)
    assert label == [1, 1, 1, 0, 0, 0]
    assert index == [0, 1, 0, 0, 0, 0]


def test_padding_takes_no_part():
    label, index, _, quality = assign(
        valid=[False, True, False], force_match_for_each_row=True
    )
    assert label == [0, 1, 1, 0, 0, 0]
    assert index == [0, 1, 1, 0, 0, 0]
    np.testing.assert_allclose(quality, [0.1, 0.6, 0.5, 0, 0.1, 0.3])


def reference(values, valid, weights, high, low):
    """Labels and indices, anchor by anchor, of one image."""
    label, index = [], []
    rows = np.flatnonzero(valid)
    for column in values.T:
        best = rows[np.argmax(column[rows])] if len(rows) else 0
        top = column[best] if len(rows) else -1
        label.append(1 if top >= high else 0 if top < low else -1)
        index.append(best if top >= high else 0)
    for row in reversed(rows):
        if weights[row] > 0:
            label[values[row].argmax()], index[values[row].argmax()] = 1, row
    return label, index


def test_random_batch_against_a_loop():
    """Multiples of 1/20, so that ties and values on a threshold occur."""
    rng = np.random.default_rng(0)
    values = (rng.integers(0, 20, (8, 6, 30)) / 20).astype(np.float32)
    valid, weights = rng.uniform(size=(2, 8, 6)) < 0.7
    valid[3] = False
    matcher = ArgMaxMatcher(
        similarity=lambda *_: tf.constant(values),
        matched_threshold=0.8,
        unmatched_threshold=0.6,
        force_match_for_each_row=True,
    )
    targets = kit.make_targets(np.ones([8, 6, 4]), valid=valid, weights=weights)
    result = matcher.assign(tf.zeros([30, 4]), targets)
    for i in range(8):
        label, index = reference(
            values[i], valid[i], weights[i], np.float32(0.8), np.float32(0.6)
        )
        np.testing.assert_array_equal(result.label[i], label)
        np.testing.assert_array_equal(result.gt_index[i], index)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matched_threshold": 0.4}, "unmatched_threshold is 0.5"),
        ({"negatives_lower_than_unmatched": False}, "both are 0.5"),
        ({"matched_threshold": 7}, "matched_threshold is 7; it must be in 0..1"),
    ],
)
def test_bad_thresholds(options, message):
    with pytest.raises(ValueError, match=message):
        ArgMaxMatcher(similarity=IouSimilarity(), **options)


def test_thresholds_do_not_matter_when_ignored():
    """.4 below .5 is refused otherwise; here every anchor takes its best box."""
    rng = np.random.default_rng(0)
    boxes, targets = kit.random_boxes(rng, 9), kit.target_cases()["uneven"]
    odd, usual = (
        ArgMaxMatcher(
            similarity=IouSimilarity(), matched_threshold=value, ignore_thresholds=True
        ).assign(boxes, targets)
        for value in (0.4, 0.9)
    )
    kit.assert_same(odd, usual)
    assert np.all(odd.label == 1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"force_match_for_each_row": True, "unmatched_threshold": 0.2},
        {"ignore_thresholds": True},
        {"negatives_lower_than_unmatched": False, "unmatched_threshold": 0.2},
    ],
)
def test_kit(options):
    kit.check_assigner(ArgMaxMatcher(similarity=IouSimilarity(), **options))


def test_no_gradient_reaches_the_anchors():
    matcher = ArgMaxMatcher(similarity=IouSimilarity())
    anchors = tf.constant(kit.random_boxes(np.random.default_rng(0), 9))
    with tf.GradientTape() as tape:
        tape.watch(anchors)
        quality = matcher.assign(anchors, kit.target_cases()["uneven"]).quality
    assert tape.gradient(quality, anchors) is None


def test_an_anchor_that_takes_no_part_claims_no_box():
    """The box's best anchor, .5, is not valid: it claims the next one, .4."""
    matcher = ArgMaxMatcher(
        similarity=lambda *_: tf.constant([[[0.5, 0.4, 0.1]]]),
        matched_threshold=0.7,
        unmatched_threshold=0.3,
        force_match_for_each_row=True,
    )
    priors = as_priors(tf.zeros([3, 4]))
    targets = kit.make_targets(np.ones([1, 1, 4]))
    label = matcher.assign(priors, targets).label
    assert label[0].numpy().tolist() == [1, -1, 0]
    priors = priors._replace(valid=tf.constant([False, True, True]))
    label = matcher.assign(priors, targets).label
    assert label[0].numpy().tolist() == [0, 1, 0]
