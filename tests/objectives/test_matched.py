"""Assign, sample, weigh, sum: by hand, and each reduction."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.assigners.argmax_matcher import ArgMaxMatcher
from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import as_priors
from od_api.detectors.stage import predictions_of
from od_api.losses.weighted_smooth_l1 import WeightedSmoothL1LocalizationLoss
from od_api.losses.weighted_softmax import WeightedSoftmaxClassificationLoss
from od_api.objectives.matched import MatchedObjective
from od_api.objectives.multi_task_loss import MultiTaskLoss
from od_api.protos import objective_pb2
from od_api.samplers.balanced_sampler import BalancedSampler
from od_api.samplers.hard_example_miner import HardExampleMiner
from od_api.similarities.iou_similarity import IouSimilarity

# Three anchors on objects and three on none, in each of two images.
ANCHORS = [[10.0 * i, 0, 10 * i + 8, 8] for i in range(6)]
BOXES = np.float32([ANCHORS[:3]] * 2)
LOG_3 = np.log(3)


def objective(num_classes=2, samplers=(), **settings):
    return MatchedObjective(
        loss=MultiTaskLoss(
            num_classes=num_classes,
            box_coder=FasterRcnnBoxCoder(),
            classification_loss=WeightedSoftmaxClassificationLoss(),
            localization_loss=WeightedSmoothL1LocalizationLoss(),
        ),
        assigner=ArgMaxMatcher(similarity=IouSimilarity()),
        samplers=samplers,
        **settings,
    )


def predictions(logits=None, codes=None, valid=None, num_logits=3):
    priors = as_priors(ANCHORS)
    if valid is not None:
        priors = priors._replace(valid=tf.constant(valid))
    outputs = {
        "class_logits": tf.zeros([2, 6, num_logits]) if logits is None else logits,
        "box_codes": tf.zeros([2, 6, 4]) if codes is None else codes,
    }
    shapes = tf.constant([[80, 80], [80, 80]])
    return predictions_of(outputs, priors, FasterRcnnBoxCoder(), (80, 80), shapes)


def targets(**changes):
    return kit.make_targets(BOXES, **changes)


@pytest.mark.parametrize(
    ("reduction", "divisor"),
    [("MATCHES", 6), ("SAMPLED", 6 * 2), ("PRIORS", 6 * 2), ("NOTHING", 1)],
)
def test_sums_are_divided(reduction, divisor):
    """All logits 0: each of the 12 anchors costs log 3. Codes of 1 for all: a positive
    costs 4 x 1/2.

    MATCHES has six in the batch; an image has six sampled (nothing samples) and six
    valid priors, and there are two images.
    """
    made = objective(reduction=reduction)(
        predictions(codes=tf.ones([2, 6, 4])), targets()
    )
    assert list(made) == ["localization_loss", "classification_loss"]
    np.testing.assert_allclose(
        made["classification_loss"], 12 * LOG_3 / divisor, rtol=1e-5
    )
    np.testing.assert_allclose(made["localization_loss"], 6 * 2 / divisor, rtol=1e-5)


def test_sampled_priors_alone_count():
    """Four of six are drawn, two of them positive: the mean of the drawn is log 3."""
    sampler = BalancedSampler(batch_size=4, positive_fraction=0.5)
    made = objective(samplers=[sampler], reduction="SAMPLED")(
        predictions(codes=tf.ones([2, 6, 4])), targets(), kit.SEED
    )
    np.testing.assert_allclose(made["classification_loss"], LOG_3, rtol=1e-5)
    np.testing.assert_allclose(made["localization_loss"], 2 * 2 / 4, rtol=1e-5)


def test_drawn_priors_are_not_drawn_again():
    sampler = BalancedSampler(batch_size=4)
    made = objective(samplers=[sampler], reduction="PRIORS")(
        predictions(), targets(), drawn=True
    )
    np.testing.assert_allclose(made["classification_loss"], LOG_3, rtol=1e-5)


def test_invalid_priors_take_no_part():
    """Of six priors five are valid, two of them positive."""
    valid = [True, True, False, True, True, True]
    made = objective(reduction="PRIORS")(predictions(valid=valid), targets())
    np.testing.assert_allclose(made["classification_loss"], LOG_3, rtol=1e-5)
    assignment = objective().assign(predictions(valid=valid).priors, targets())
    np.testing.assert_array_equal(assignment.label, [[1, 1, -1, 0, 0, 0]] * 2)


@pytest.mark.parametrize("ignored", [True, False])
def test_priors_of_weightless_ground_truth(ignored):
    """Box 1 weighs nothing: its prior is ignored, or positive for samplers alone."""
    truth = targets(weights=[[1, 0, 1]] * 2)
    part = objective(ignore_weightless=ignored)
    label = part.assign(predictions().priors, truth).label
    np.testing.assert_array_equal(label[0], [1, -1 if ignored else 1, 1, 0, 0, 0])
    made = part(predictions(), truth)
    np.testing.assert_allclose(made["classification_loss"], 10 * LOG_3 / 4, rtol=1e-5)


def test_miner_changes_no_divisor_and_keeps_the_worst():
    """The two images' sums are still divided by six matches; one prior of each is kept.

    Prior 4, a negative whose logits say class 0 with 9, is the worst by far.
    """
    logits = tf.tensor_scatter_nd_update(
        tf.zeros([2, 6, 3]), [[0, 4, 1], [1, 4, 1]], [9.0, 9.0]
    )
    miner = HardExampleMiner(num_hard_examples=1, iou_threshold=1.0)
    made = objective(samplers=[miner])(predictions(logits=logits), targets())
    worst = np.log(np.exp(9) + 2)
    np.testing.assert_allclose(made["classification_loss"], 2 * worst / 6, rtol=1e-5)
    assert made["localization_loss"] == 0


@pytest.mark.parametrize("by_priors", [True, False])
def test_boxes_that_a_miner_compares(by_priors):
    """Predicted boxes all lie on prior 0, so that one suppresses all; priors do not.

    A code of (0, -12.5 i, 0, 0) moves prior i by i times 10 px, up; x and y are
    exchanged in ANCHORS, which differ in y.
    """
    codes = np.zeros([2, 6, 4], np.float32)
    codes[:, :, 0] = [-12.5 * i for i in range(6)]
    miner = HardExampleMiner(num_hard_examples=0, iou_threshold=0.5)
    part = objective(samplers=[miner], mine_by_priors=by_priors, reduction="NOTHING")
    made = part(predictions(codes=tf.constant(codes)), targets())
    kept = 12 if by_priors else 2
    np.testing.assert_allclose(made["classification_loss"], kept * LOG_3, rtol=1e-5)


def test_weights_and_code_size():
    part = objective(
        classification_weight=2.0, localization_weight=3.0, divide_by_code_size=True
    )
    made = part(predictions(codes=tf.ones([2, 6, 4])), targets())
    np.testing.assert_allclose(
        made["classification_loss"], 2 * 12 * LOG_3 / 6, rtol=1e-5
    )
    np.testing.assert_allclose(made["localization_loss"], 3 * 12 / 6 / 4, rtol=1e-5)


def test_one_class_takes_all_objects():
    """Classes of any number are that one class: no row of the targets is all zero."""
    truth = targets(classes=[[0, 1, 5]] * 2)
    made = objective(num_classes=1)(predictions(num_logits=2), truth)
    np.testing.assert_allclose(
        made["classification_loss"], 12 * np.log(2) / 6, rtol=1e-5
    )


@pytest.mark.parametrize("reduction", ["MATCHES", "SAMPLED", "PRIORS", "NOTHING"])
def test_no_ground_truth(reduction):
    """G = 0, and padding alone: no box has a loss, gradients are finite."""
    part = objective(reduction=reduction)
    for name in ("no_ground_truth", "all_padding"):
        truth = kit.target_cases()[name]
        codes = tf.Variable(tf.ones([2, 6, 4]))
        with tf.GradientTape() as tape:
            made = part(predictions(codes=codes), truth)
            total = tf.add_n(list(made.values()))
        assert made["localization_loss"] == 0 and np.isfinite(total)
        gradient = tape.gradient(total, codes)
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


class Column:
    name, weight = "size", 2.0

    def target(self, priors, assignment, targets, predictions):
        del priors, predictions
        sides = targets.boxes[..., 2:3] - targets.boxes[..., :1]
        return assignment.take(sides)

    def loss(self, values, target):
        return tf.reduce_sum(tf.abs(values - target), axis=-1)


def test_columns_learn_of_positives():
    """Sides of 8 against a column of 7: 1 for each of six positives by six, times 2."""
    found = predictions()._replace(columns={"size": tf.fill([2, 6, 1], 7.0)})
    made = objective(columns=[Column()])(found, targets())
    assert list(made)[2:] == ["size_loss"]
    np.testing.assert_allclose(made["size_loss"], 2.0, rtol=1e-5)


def message(**changes):
    fields = {
        "matcher": {"argmax_matcher": {}},
        "classification_loss": {"weighted_softmax": {}},
        "localization_loss": {"weighted_smooth_l1": {}},
    }
    return objective_pb2.Objective(matched={**fields, **changes})


def test_from_a_message():
    part = build(
        message(
            samplers=[
                {"hard_example_miner": {}},
                {"balanced_sampler": {"batch_size": 7}},
            ],
            reduction="SAMPLED",
            localization_weight=4,
        ),
        num_classes=2,
        box_coder=FasterRcnnBoxCoder(),
    )
    assert part.batch_size == 7 and len(part.miners) == 1
    assert part.localization_weight == 4
    made = part(predictions(), targets(), kit.SEED)
    assert np.isfinite(made["classification_loss"])


def test_errors_say_where():
    bad = message(samplers=[{"balanced_sampler": {"batch_size": 0}}])
    with pytest.raises(ConfigError) as error:
        build(bad, num_classes=2, box_coder=FasterRcnnBoxCoder())
    path = "matched.samplers[0].balanced_sampler.batch_size"
    assert error.value.field_path == path
