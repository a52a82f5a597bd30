"""SNIP's rule: the values of T06, edges, both ways of measuring."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from rule_kit import flags, truth

from od_api.assigners.argmax_matcher import ArgMaxMatcher
from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import as_priors
from od_api.detectors.stage import predictions_of
from od_api.ignore_rules.size_range import SizeRange
from od_api.losses.weighted_smooth_l1 import WeightedSmoothL1LocalizationLoss
from od_api.losses.weighted_softmax import WeightedSoftmaxClassificationLoss
from od_api.objectives._leaving_out import LeavingOut
from od_api.objectives.free_anchor import FreeAnchorObjective
from od_api.objectives.matched import MatchedObjective
from od_api.objectives.multi_task_loss import MultiTaskLoss
from od_api.protos import ignore_rule_pb2, objective_pb2
from od_api.similarities.iou_similarity import IouSimilarity

# Of the second stage at (1400, 2000), (800, 1200) and (480, 800), SNIP's table.
RANGES = [(0, 80), (40, 160), (120, 1e9)]
# A side of 100 is in the range, one of 10 is not. Beside the box of 10 by 10, of the
# same width, are priors whose IoU with it is .31 and .29.
RANGE = SizeRange(low=50, high=150)
LARGE, SMALL = [100.0, 100, 200, 200], [0.0, 0, 10, 10]
NEAR, FAR = [0.0, 0, 3.1, 10], [0.0, 0, 2.9, 10]


def square(side):
    return [0.0, 0, side, side]


@pytest.mark.parametrize(
    ("side", "learned"),
    [
        (100, [0, 1, 0]),
        (60, [1, 1, 0]),
        (140, [0, 1, 1]),
        (39, [1, 0, 0]),
        (40, [1, 1, 0]),
        (80, [1, 1, 0]),
        (81, [0, 1, 0]),
        (120, [0, 1, 1]),
        (160, [0, 1, 1]),
        (161, [0, 0, 1]),
    ],
)
def test_objects_of_the_three_resolutions(side, learned):
    """Neighbouring ranges share 40 pixels, and their ends are of both."""
    found = [
        SizeRange(low=low, high=high)([square(5)], truth([square(side)])).objects
        for low, high in RANGES
    ]
    assert [1 - flags(outside)[0] for outside in found] == learned


@pytest.mark.parametrize("scale", [0.37, 1.6, 3.3])
def test_pixels_are_those_of_the_file_or_of_the_input(scale):
    boxes = np.float32([square(40), square(80), square(81)]) * np.float32(scale)
    targets = truth(boxes, scale=scale)
    assert flags(SizeRange(low=40, high=80)([square(5)], targets).objects) == [0, 0, 1]
    ours = SizeRange(low=40 * scale, high=80 * scale, pixels="INPUT")
    assert flags(ours([square(5)], targets).objects) == [0, 0, 1]
    assert flags(SizeRange(high=80)([square(5)], truth([square(81)])).objects) == [1]


def test_each_resolution_has_a_range_of_its_own():
    """The three ranges in one objective; an image is of 2:1 at each resolution.

    (480, 800) makes 400 x 800 of it (566 px), (800, 1200) 600 x 1200 (849 px), and
    (1400, 2000) 1000 x 2000 (1414 px). Objects of 60, 100 and 140 px of the file.
    """
    limits = [(1000, 1e9), (620, 1000), (0, 620)]
    rules = [
        SizeRange(low=low, high=high, images_from=start, images_below=end)
        for (low, high), (start, end) in zip(RANGES, limits, strict=True)
    ]
    learned = []
    for height in (1000, 600, 400):
        scale = height / 500
        boxes = [square(scale * side) for side in (60, 100, 140)]
        targets = truth(boxes, scale=scale)._replace(
            true_shapes=tf.constant([[height, 2 * height]])
        )
        left_out = LeavingOut(rules).of(as_priors([square(5)]), targets)
        learned.append([1 - out for out in flags(left_out.objects)])
    assert learned == [[1, 0, 0], [1, 1, 1], [0, 0, 1]]


def test_an_image_of_another_size_is_left_alone():
    """The image is of 100 px: below 100 it is not, from 100 on it is."""
    for sizes, label in (({"images_below": 100}, 0), ({"images_from": 100}, -1)):
        rule = SizeRange(low=50, **sizes)
        assert assigned(rule, [LARGE], truth([SMALL])) == [label]


def test_a_size_is_the_root_of_an_area():
    found = SizeRange(low=50, high=50)([square(5)], truth([[0.0, 0, 25, 100]])).objects
    assert flags(found) == [0]


def assigned(rule, priors, targets, threshold=0.7):
    """Labels of ArgMax at .7 / .3 by the rule, in a matched objective."""
    objective = matched([rule], threshold)
    return flags(objective.assign(as_priors(priors), targets).label)


def matched(rules, threshold=0.7):
    return MatchedObjective(
        loss=MultiTaskLoss(
            num_classes=2,
            box_coder=FasterRcnnBoxCoder(),
            classification_loss=WeightedSoftmaxClassificationLoss(),
            localization_loss=WeightedSmoothL1LocalizationLoss(),
        ),
        assigner=ArgMaxMatcher(
            similarity=IouSimilarity(),
            matched_threshold=threshold,
            unmatched_threshold=threshold,
        ),
        ignore_rules=rules,
    )


def test_anchors_near_an_object_out_of_range():
    """IoU .31 is left out, .29 is background; so is what the object itself would be."""
    targets = truth([LARGE, SMALL])
    priors = [LARGE, NEAR, FAR, SMALL, [50.0, 50, 60, 60]]
    assert assigned(RANGE, priors, targets) == [1, -1, 0, -1, 0]


def test_labels_are_those_of_all_objects():
    """The prior is nearer to the object that is out of range: not the other's."""
    inside, outside = [0.0, 0, 50, 50], [0.0, 0, 49, 50]
    prior = [0.0, 0, 49, 50]
    targets = truth([inside, outside])
    assert assigned(SizeRange(low=50), [prior], targets) == [-1]
    assert assigned(SizeRange(low=50), [inside], targets) == [1]


def test_by_the_letter_positives_of_other_objects_go_too():
    inside, outside = [0.0, 0, 50, 50], [0.0, 0, 40, 50]
    targets = truth([inside, outside])
    kept = SizeRange(low=50)
    assert assigned(kept, [inside], targets) == [1]
    assert assigned(SizeRange(low=50, drop_positives=True), [inside], targets) == [-1]


def test_priors_are_measured_whatever_they_are_assigned():
    """The second object is out of range, and its prior of 52 x 50 still learns it."""
    objects = [[0.0, 0, 60, 60], [100.0, 100, 149, 150]]
    priors = [[0.0, 0, 60, 60], [0, 0, 49, 60], [100, 100, 152, 150], [0, 70, 30, 90]]
    rule = SizeRange(low=51, measured="PRIORS")
    assert assigned(rule, priors, truth(objects)) == [1, 1, -1, -1]
    rule = SizeRange(low=50, measured="PRIORS")
    assert assigned(rule, priors, truth(objects)) == [1, 1, 1, -1]
    assert rule(priors, truth(objects)).objects is None


def test_an_image_without_an_object_in_the_range_is_skipped():
    priors = [SMALL, [50.0, 50, 60, 60], LARGE]
    for measured in ("OBJECTS", "PRIORS"):
        rule = SizeRange(low=50, measured=measured)
        assert assigned(rule, priors, truth([SMALL])) == [-1, -1, -1]
        assert assigned(rule, priors, truth([SMALL], valid=[0])) == [-1, -1, -1]
        crowd = truth([SMALL, LARGE], ignored=[0, 1])
        assert assigned(rule, priors, crowd) == [-1, -1, -1]
    kept = SizeRange(low=50, skip_images=False)
    assert assigned(kept, priors, truth([SMALL])) == [-1, 0, 0]


def test_points_in_an_object_out_of_range():
    points = [[y, y, y, y] for y in (5.0, 50, 150)]
    assert flags(RANGE(points, truth([LARGE, SMALL])).negatives) == [1, 0, 0]


def predictions(priors, classes):
    rng = np.random.default_rng(3)
    outputs = {
        "class_logits": tf.constant(
            rng.normal(size=(1, len(priors), classes)), tf.float32
        ),
        "box_codes": tf.constant(rng.normal(size=(1, len(priors), 4)), tf.float32),
    }
    shapes = tf.constant([[200, 200]])
    coder = FasterRcnnBoxCoder()
    return predictions_of(outputs, as_priors(priors), coder, (200, 200), shapes)


def gradients(objective, made, targets):
    given = made.class_logits, made.box_codes
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.add_n(list(objective(made, targets).values()))
    return [g[0].numpy() for g in tape.gradient(total, given)]


@pytest.mark.parametrize("measured", ["OBJECTS", "PRIORS"])
def test_gradients_of_what_is_left_out_are_0(measured):
    priors = [LARGE, NEAR, SMALL, [100.0, 100, 190, 200], [0, 50, 100, 150]]
    targets = truth([LARGE, SMALL])
    rule = SizeRange(low=50, high=150, measured=measured)
    for gradient in gradients(matched([rule]), predictions(priors, 3), targets):
        assert not gradient[[1, 2]].any() and gradient[[0, 3]].all(axis=None)
    logits, _ = gradients(matched([rule]), predictions(priors, 3), targets)
    assert logits[4].any()
    logits, _ = gradients(matched([]), predictions(priors, 3), targets)
    assert logits[[1, 2]].all()


@pytest.mark.parametrize("measured", ["OBJECTS", "PRIORS"])
def test_free_anchor_has_no_bag_of_what_is_out_of_range(measured):
    """Bags of one: the priors that are the objects."""
    priors = [LARGE, NEAR, SMALL, [0.0, 50, 100, 150]]
    objective = FreeAnchorObjective(
        num_classes=2,
        add_background_class=False,
        box_coder=FasterRcnnBoxCoder(),
        bag_size=1,
        ignore_rules=[SizeRange(low=50, high=150, measured=measured)],
    )
    made, targets = predictions(priors, 2), truth([LARGE, SMALL])
    logits, codes = gradients(objective, made, targets)
    assert not logits[[1, 2]].any() and not codes[[1, 2, 3]].any()
    assert logits[[0, 3]].any(axis=1).all() and codes[0].any()


@pytest.mark.parametrize("case", kit.target_cases())
def test_every_kind_of_ground_truth(case):
    targets = kit.target_cases()[case].with_longest()
    priors = kit.random_boxes(np.random.default_rng(4), 20)

    def labels(priors):
        return matched([SizeRange(low=10, high=20)]).assign(as_priors(priors), targets)

    found = kit.check_graph(labels, tf.constant(priors))
    assert found.label.shape == (2, 20)


def test_a_config_sets_it():
    rule = build(
        text_format.Parse(
            "size_range { low: 40 high: 160 measured: PRIORS pixels: INPUT limit: 0.2 "
            "similarity_calculator { ioa_similarity {} } }",
            ignore_rule_pb2.IgnoreRule(),
        )
    )
    assert (rule.low, rule.high, rule.measured, rule.pixels) == (
        40,
        160,
        "PRIORS",
        "INPUT",
    )


@pytest.mark.parametrize(
    ("fields", "place", "problem"),
    [
        ("low: 50 high: 40", "low", "larger than high"),
        ("low: -1", "low", "at least 0"),
        ("images_from: 9 images_below: 8", "images_from", "larger than images_below"),
        ("limit: 2", "limit", "in 0..1"),
        (
            "similarity_calculator { thresholded_iou_similarity {} }",
            "similarity_calculator",
            "measures no share",
        ),
    ],
)
def test_mistakes_have_their_place(fields, place, problem):
    message = objective_pb2.MatchedObjective()
    text_format.Parse(
        f"ignore_rules {{ size_range {{ {fields} }} }}"
        "matcher { argmax_matcher {} }"
        "classification_loss { weighted_softmax {} }"
        "localization_loss { weighted_smooth_l1 {} }",
        message,
    )
    with pytest.raises(ConfigError, match=problem) as caught:
        build(message, num_classes=2, box_coder=FasterRcnnBoxCoder())
    assert caught.value.field_path == f"ignore_rules[0].size_range.{place}"
