"""SSD's samplers and weights, against losses spelt out in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
from google.protobuf import text_format
from kit import SEED, make_assignment, make_targets

from od_api.core.registry import build_field
from od_api.protos import pipeline_pb2
from od_api.samplers.random_example_sampler import RandomExampleSampler

BOXES = [
    [[10.0, 10, 40, 40], [50, 20, 90, 80], [0, 0, 0, 0]],
    [[5, 60, 30, 90], [0, 0, 0, 0], [0, 0, 0, 0]],
]
TARGETS = make_targets(
    BOXES,
    valid=[[1, 1, 0], [1, 0, 0]],
    weights=[[1, 0.5, 0], [1, 0, 0]],
    classes=[[2, 0, 0], [4, 0, 0]],
    size=96,
)


def detector(settings=""):
    """The tiny SSD without its miner, with these fields of Ssd merged into it."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny.CONFIG[: tiny.CONFIG.index("train_config")], config)
    config.model.ssd.loss.ClearField("hard_example_miner")
    text_format.Merge(settings, config.model.ssd)
    return build_field(config, "model")


def anchors():
    """[A, 4]: two squares a cell of 6 x 6, 3 x 3, 2 x 2 and 1 x 1 cells, 96 px."""
    found, scales = [], [0.2, 0.4, 0.6, 0.8, 1.0]
    for cells, scale, following in zip((6, 3, 2, 1), scales, scales[1:], strict=False):
        for y, x in np.ndindex(cells, cells):
            center = (np.array([y, x]) + 0.5) * 96 / cells
            for side in (96 * scale, 96 * np.sqrt(scale * following)):
                found.append([*(center - side / 2), *(center + side / 2)])
    return np.array(found)


def assigned(boxes):
    """(index of the box, label) of each anchor: IoU of .5, and each box's best."""
    low = np.maximum(anchors()[:, None, :2], boxes[None, :, :2])
    high = np.minimum(anchors()[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(b[:, 2:] - b[:, :2], axis=-1) for b in (anchors(), boxes)]
    iou = shared / (areas[0][:, None] + areas[1] - shared)
    index, label = iou.argmax(axis=1), (iou.max(axis=1) >= 0.5).astype(int)
    for i, best in enumerate(iou.argmax(axis=0)):
        index[best], label[best] = i, 1
    return index, label


def codes(boxes):
    """Faster R-CNN's code of [A, 4] boxes, relative to their anchors."""
    size, own = anchors()[:, 2:] - anchors()[:, :2], boxes[:, 2:] - boxes[:, :2]
    move = (boxes[:, :2] + boxes[:, 2:] - anchors()[:, :2] - anchors()[:, 2:]) / 2
    return np.concatenate([10 * move / size, 5 * np.log(own / size)], axis=1)


def expected(predictions, negative_class_weight=1.0, sampled=None):
    """(localisation, classification): Equation 1, each anchor times `sampled`."""
    totals = np.zeros(3)
    for i in range(2):
        count = int(TARGETS.valid[i].numpy().sum())
        index, label = assigned(np.array(BOXES[i][:count]))
        weight = label * TARGETS.weights[i].numpy()[index]
        logits = np.asarray(predictions.class_logits[i], np.float64)
        wanted = np.eye(6)[np.where(label, TARGETS.classes[i].numpy()[index] + 1, 0)]
        entropy = np.logaddexp(0, logits) - wanted * logits
        error = np.abs(
            np.reshape(predictions.box_codes[i], [-1, 4])
            - codes(np.array(BOXES[i])[index])
        )
        smooth = np.where(error < 1, error**2 / 2, error - 0.5)
        keep = 1 if sampled is None else sampled[i]
        class_weight = weight + negative_class_weight * (1 - label)
        losses = smooth.sum(1) * weight, entropy.sum(1) * class_weight, weight
        totals += [np.sum(loss * keep) for loss in losses]
    localization, classification, matches = totals
    return localization / max(matches, 1), classification / max(matches, 1)


def check(settings, **arguments):
    """The detector's losses of its own predictions; returns them."""
    model = detector(settings)
    images = 255 * tf.random.stateless_uniform([2, 96, 96, 3], SEED)
    predictions = model.call(images, TARGETS.true_shapes)
    losses = model.losses(predictions, TARGETS, SEED)
    found = losses["localization_loss"], losses["classification_loss"]
    np.testing.assert_allclose(found, expected(predictions, **arguments), rtol=1e-4)
    return found


def labels():
    return np.stack([assigned(np.array(BOXES[i][:n]))[1] for i, n in ((0, 2), (1, 1))])


def test_plain_ssd():
    """Two and one objects: there are positives and many more negatives."""
    assert (labels().sum(axis=1) >= 1).all() and labels().sum() < 20
    check("")


@pytest.mark.parametrize("weight", [0.25, 0.0])
def test_negative_class_weight(weight):
    check(f"negative_class_weight: {weight}", negative_class_weight=weight)


@pytest.mark.parametrize("fraction", [1.0, 0.25])
def test_random_example_sampler(fraction):
    """All positives, and no or three times as many negatives by lot."""
    sampler = RandomExampleSampler(positive_sample_fraction=fraction)
    sampled = sampler.sample(make_assignment(labels()), seed=SEED).numpy()
    positives = labels().sum(axis=1)
    np.testing.assert_allclose(sampled.sum(axis=1), positives / fraction)
    check(
        f"loss {{ random_example_sampler {{ positive_sample_fraction: {fraction} }} }}",
        sampled=sampled,
    )


def test_both():
    """Sampled negatives are weighted as well."""
    sampler = RandomExampleSampler(positive_sample_fraction=0.2)
    sampled = sampler.sample(make_assignment(labels()), seed=SEED).numpy()
    check(
        "loss { random_example_sampler { positive_sample_fraction: 0.2 } } "
        "negative_class_weight: 2",
        sampled=sampled,
        negative_class_weight=2.0,
    )
