"""Trains on the anchors whose loss is largest."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.types import AnchorLosses
from od_api.samplers.hard_example_miner import HardExampleMiner

# Losses fall from left to right in LOSSES[0], and anchors 2 and 5 are positive.
LABEL = [[0, 0, 1, 0, 0, 1, 0, 0, -1]]
LOSSES = [[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 1.0]]


def kept(label=LABEL, losses=LOSSES, localization=None, boxes=None, **options):
    """Indices that are kept in the first image."""
    options = {"num_hard_examples": 0, "iou_threshold": 1.0, **options}
    weights = HardExampleMiner(**options).sample(
        kit.make_assignment(label), kit.make_losses(losses, localization, boxes)
    )
    return np.flatnonzero(weights[0]).tolist()


def test_cap():
    """The five largest losses; the ignored anchor does not count."""
    assert kept(num_hard_examples=5) == [0, 1, 2, 3, 4]


def test_no_cap():
    assert kept() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_negatives_for_each_positive():
    """Two positives allow 2 * 1 negatives, the hardest."""
    assert kept(max_negatives_per_positive=1) == [0, 1, 2, 5]


def test_negatives_are_counted_after_the_cap():
    """Among the four hardest is one positive: it allows two of the three negatives."""
    assert kept(num_hard_examples=4, max_negatives_per_positive=2) == [0, 1, 2]


def test_minimum_of_negatives():
    options = {"max_negatives_per_positive": 1, "min_negatives_per_image": 4}
    assert kept(**options) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("minimum", "want"), [(0, []), (2, [0, 1])])
def test_image_without_positives(minimum, want):
    """Without a minimum such an image has no loss at all, as in the old API."""
    assert (
        kept(
            label=[[0, 0, 0, -1]],
            losses=[[0.9, 0.8, 0.7, 1.0]],
            max_negatives_per_positive=3,
            min_negatives_per_image=minimum,
        )
        == want
    )


@pytest.mark.parametrize(
    ("loss_type", "want"),
    # Classification .3 .2 .1, localization .0 .2 .25, sum .3 .4 .35.
    [("CLASSIFICATION", [0]), ("LOCALIZATION", [2]), ("BOTH", [1])],
)
def test_loss_types(loss_type, want):
    assert (
        kept(
            label=[[1, 1, 1]],
            losses=[[0.3, 0.2, 0.1]],
            localization=[[0.0, 0.2, 0.25]],
            loss_type=loss_type,
            num_hard_examples=1,
        )
        == want
    )


def test_suppression():
    """IoU of boxes 0 and 1 is 9 / 11, of 1 and 2 likewise, of 0 and 2 it is 8 / 12.

    Above 0.7 box 0 removes box 1, which then cannot remove box 2; above 0.6 box 0
    removes both. A positive anchor is removed like any other.
    """
    boxes = [[[0, 0, 10, 10], [1, 0, 11, 10], [2, 0, 12, 10], [50, 50, 60, 60]]]
    case = {"label": [[0, 1, 0, 1]], "losses": [[0.9, 0.8, 0.7, 0.1]], "boxes": boxes}
    assert kept(**case, iou_threshold=0.7) == [0, 2, 3]
    assert kept(**case, iou_threshold=0.6) == [0, 3]
    assert kept(**case, iou_threshold=0.9) == [0, 1, 2, 3]


@pytest.mark.parametrize(("same", "want"), [(False, [0, 2]), (True, [0, 4])])
def test_two_of_five_proposals(same, want):
    """The losses are 5, 1, 4, 2, 3; a duplicate of the worst gives way to the third."""
    boxes = np.float32([[20 * i, 0, 20 * i + 10, 10] for i in range(5)])
    if same:
        boxes[2] = boxes[0]
    case = {"label": [[0, 1, 0, 0, 0]], "losses": [[5.0, 1, 4, 2, 3]]}
    options = {"num_hard_examples": 2, "iou_threshold": 0.7}
    assert kept(**case, boxes=boxes[None], **options) == want


def reference(miner, label, losses):
    """One image, by the one-image op of TensorFlow and a loop."""
    score = losses.classification.numpy()
    if miner.loss_type != "CLASSIFICATION":
        score = losses.localization + (score if miner.loss_type == "BOTH" else 0)
    cap = miner.num_hard_examples or label.size
    usable = np.flatnonzero(label >= 0)
    selected = tf.image.non_max_suppression(
        tf.gather(losses.boxes, usable),
        tf.gather(score, usable),
        cap,
        miner.iou_threshold,
    )
    selected = usable[selected.numpy()]
    if not miner.max_negatives_per_positive:
        return selected
    positive = selected[label[selected] == 1]
    quota = miner.max_negatives_per_positive * len(positive)
    negative = selected[label[selected] == 0]
    quota = max(quota, miner.min_negatives_per_image)
    return np.concatenate([positive, negative[:quota]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_hard_examples": 0, "iou_threshold": 0.5},
        {"num_hard_examples": 30, "max_negatives_per_positive": 2},
        {
            "num_hard_examples": 3000,
            "iou_threshold": 0.99,
            "max_negatives_per_positive": 3,
            "loss_type": "CLASSIFICATION",
        },
        {
            "num_hard_examples": 0,
            "iou_threshold": 0.3,
            "max_negatives_per_positive": 3,
            "min_negatives_per_image": 7,
            "loss_type": "LOCALIZATION",
        },
    ],
)
def test_random_batch_against_the_one_image_op(options):
    """600 anchors are five blocks of suppression, not all of which need looking at."""
    rng = np.random.default_rng(0)
    shape = (4, 600)
    label = rng.choice([1, 0, -1], shape, p=[0.03, 0.92, 0.05])
    label[3] = np.minimum(label[3], 0)
    classification, localization = rng.gamma(1.0, 1.0, (2, *shape))
    boxes = kit.random_boxes(rng, *shape)
    boxes[:, ::5] = boxes[:, 1::5] + 0.01
    losses = kit.make_losses(classification, localization, boxes)
    miner = HardExampleMiner(**options)
    weights = tf.function(miner.sample)(kit.make_assignment(label), losses)
    assert weights.numpy().sum() > 0
    for i in range(4):
        one = AnchorLosses(*(value[i] for value in losses))
        want = np.zeros(600)
        want[reference(miner, label[i], one)] = 1
        np.testing.assert_array_equal(weights[i], want)


def test_losses_are_needed():
    with pytest.raises(UserError, match="needs the losses"):
        HardExampleMiner().sample(kit.make_assignment(LABEL))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_hard_examples": -1}, "num_hard_examples is -1"),
        ({"iou_threshold": -0.5}, "iou_threshold is -0.5"),
        ({"loss_type": "cls"}, "loss_type is cls"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        HardExampleMiner(**options)


@pytest.mark.parametrize(
    "options", [{}, {"max_negatives_per_positive": 3, "iou_threshold": 0.99}]
)
def test_kit(options):
    kit.check_sampler(HardExampleMiner(**options))
