"""Whole two-stage detectors with the old API's weights: outputs, losses, detections.

Every variable gets the value that `two_stage_weights.weight` makes of its old name. The
samplers take all anchors and proposals, so nothing is left to chance; differences left
are those of float32 sums.
"""

import collections
import functools

import golden_inputs
import golden_store
import numpy as np
import pytest
import tensorflow as tf
import two_stage_weights
from test_old_models import compare_norms, config_of, import_old

from od_api.core.registry import build
from od_api.core.types import Targets

CASES = golden_store.load("two_stage")
# As in tests/golden/old_two_stage.py.
SIZE = (128, 160)
TRUE_SHAPES = ((128, 160), (96, 144))
TRUTH = (
    (
        [
            [0.1, 0.15, 0.45, 0.4],
            [0.3, 0.5, 0.9, 0.95],
            [0.5, 0.55, 0.7, 0.85],
            [0.6, 0.4, 0.95, 0.55],
        ],
        [0, 2, 1, 0],
    ),
    ([[0.1, 0.2, 0.7, 0.7], [0.4, 0.05, 0.75, 0.2]], [1, 2]),
)


@pytest.fixture(scope="module", params=list(CASES))
def name(request):
    """Of a case; all its tests come together, on one detector."""
    return request.param


def images():
    made = np.stack([golden_inputs.image(60 + i, *SIZE) for i in range(2)])
    return tf.constant(made), tf.constant(TRUE_SHAPES, tf.int32)


def targets():
    boxes, classes = np.zeros((2, 4, 4), np.float32), np.zeros((2, 4), np.int32)
    valid = np.zeros((2, 4), bool)
    masks = np.zeros((2, 4, *SIZE), np.uint8)
    for i, (box, kind) in enumerate(TRUTH):
        boxes[i, : len(box)], classes[i, : len(kind)] = box, kind
        valid[i, : len(box)] = True
        masks[i, : len(box)] = golden_inputs.ellipses(box, *SIZE)
    return Targets(
        boxes=tf.constant(boxes * [*SIZE, *SIZE], tf.float32),
        classes=tf.constant(classes),
        weights=tf.constant(valid, tf.float32),
        valid=tf.constant(valid),
        true_shapes=tf.constant(TRUE_SHAPES, tf.int32),
        masks=tf.constant(masks),
    )


@functools.lru_cache(1)
def loaded(name):
    """(detector with the old weights, {old name: our variable})."""
    case = CASES[name]
    detector = build(config_of(case["config"]))
    return detector, import_old(detector, case, two_stage_weights.weight)


@functools.lru_cache(1)
def inference(name):
    detector, _ = loaded(name)
    return detector.call(*images())


@functools.lru_cache(1)
def training(name):
    """(Predictions, losses with weight decay, {old name: gradient norm})."""
    detector, variables = loaded(name)
    statistics = {n: v.numpy() for n, v in variables.items() if "moving" in n}
    seed = tf.constant([0, 0])
    with tf.GradientTape() as tape:
        found = detector.call(*images(), training=True, targets=targets(), seed=seed)
        losses = detector.losses(found, targets(), seed=seed)
        decay = [loss for part in detector.parts.values() for loss in part.losses]
        total = tf.add_n([*losses.values(), *decay])
    losses = {term.replace("/", "."): loss for term, loss in losses.items()}
    losses["regularization"] = tf.add_n(decay) - decay_that_old_lacks(variables)
    trained = {n: v for n, v in variables.items() if n not in statistics}
    gradients = tape.gradient(total, trained, unconnected_gradients="zero")
    for n, value in statistics.items():
        variables[n].assign(value)
    return found, losses, norms_of(gradients)


def norms_of(gradients):
    """Where a pyramid's levels have predictors of their own, of their sum, as in the
    old ones."""
    sums = collections.defaultdict(float)
    for name, gradient in gradients.items():
        sums[two_stage_weights.of_first_level(name)] += gradient.numpy()
    return {
        name: np.linalg.norm(sums[two_stage_weights.of_first_level(name)])
        for name in gradients
    }


def decay_that_old_lacks(variables):
    """Its Keras heads left the regulariser of their dense layers out."""
    dense = [v for n, v in variables.items() if n.endswith("_dense/kernel:0")]
    return tf.add_n([0.0002 * tf.reduce_sum(one**2) for one in dense] or [0.0])


def test_every_variable_has_its_old_twin(name):
    case = CASES[name]
    _, variables = loaded(name)
    assert set(variables) == set(case["variable_names"])
    shapes = ["x".join(map(str, variables[n].shape)) for n in case["variable_names"]]
    assert shapes == list(case["variable_shapes"])


def compare(ours, old, rtol=2e-4):
    """Differences in parts of the largest number."""
    ours = np.asarray(ours).reshape(old.shape)
    scale = np.abs(old).max()
    np.testing.assert_allclose(ours / scale, old / scale, atol=rtol)


def compare_outputs(name, found, mode, rtol):
    case = {k: CASES[name][f"{mode}_{k}"] for k in FIELDS}
    (first,), (regions,) = found.first, found.regions
    inside = first.priors.valid.numpy()
    assert inside.sum() == case["anchor_count"]
    every = int(case["every"])
    for field, ours in (("codes", "box_codes"), ("logits", "class_logits")):
        rows = getattr(first, ours).numpy()[:, inside]
        rows = rows.reshape(*rows.shape[:2], -1)
        compare(rows[:, ::every], case[f"rpn_{field}"], rtol)
        compare(np.abs(rows).sum((1, 2)), case[f"rpn_{field}_sums"], rtol)
        old = case[field]
        compare(getattr(regions, ours), old, rtol)
    np.testing.assert_array_equal(found.proposals.count, case["proposal_count"])
    compare(found.proposals.boxes, case["proposals"], rtol)


FIELDS = (
    "anchor_count",
    "every",
    "rpn_codes",
    "rpn_logits",
    "rpn_codes_sums",
    "rpn_logits_sums",
    "codes",
    "logits",
    "proposals",
    "proposal_count",
)


def test_outputs_of_both_stages_are_the_old_ones(name):
    compare_outputs(name, inference(name), "inference", 5e-5)


def test_detections_are_the_old_ones(name):
    """Old boxes are in parts of the true image."""
    case = CASES[name]
    detector, _ = loaded(name)
    found = detector.detect(inference(name))
    count = case["inference_detection_count"]
    np.testing.assert_array_equal(found.count, count)
    assert count.min() > 1
    np.testing.assert_allclose(
        found.scores, case["inference_detection_scores"], rtol=1e-3, atol=1e-5
    )
    parts = np.float32(TRUE_SHAPES)[:, None, [0, 1, 0, 1]]
    boxes = found.boxes / parts
    np.testing.assert_allclose(boxes, case["inference_detection_boxes"], atol=2e-4)
    np.testing.assert_array_equal(found.classes, case["inference_detection_classes"])
    np.testing.assert_array_equal(
        found.anchor_indices, case["inference_detection_anchors"]
    )


def test_training_is_the_old_one(name):
    """Outputs for the sampled proposals, losses, weight decay and gradients."""
    case = CASES[name]
    found, losses, norms = training(name)
    compare_outputs(name, found, "training", 5e-4)
    prefix = "training_loss_"
    old = {k.removeprefix(prefix): v for k, v in case.items() if k.startswith(prefix)}
    assert set(losses) == set(old)
    for term, value in losses.items():
        np.testing.assert_allclose(value, old[term], rtol=5e-4, err_msg=term)
    compare_norms(norms, case, "training")


def test_masks_are_the_old_ones(name):
    """Where the image is padded the old API cropped a wrong region for the mask: its
    boxes, in parts of the image, were taken for parts of the padded one."""
    old = CASES[name].get("inference_detection_masks")
    detector, _ = loaded(name)
    raw = inference(name)
    found = detector.detect(raw)
    assert (found.masks is None) == (old is None)
    if old is None:
        return
    np.testing.assert_allclose(found.masks[0], old[0], atol=2e-3)
    assert np.abs(found.masks[1] - old[1]).max() > 0.05
    stretch = np.float32(SIZE) / np.float32(TRUE_SHAPES[1])
    boxes = found.boxes * np.float32([[[1] * 4], [[*stretch, *stretch]]])
    (stage,), (last,) = detector.region_stages, raw.regions
    regions = stage.regions.features(raw.features, boxes, last.image_shape)
    masks = detector.masks.probabilities(regions, found)
    np.testing.assert_allclose(masks, old, atol=2e-3)
