"""Whole detectors with the old API's weights: outputs, losses, gradients, detections.

Every variable gets the value that `golden_inputs.weight` makes of its old name, by way
of the importer of old checkpoints, so the comparison holds layer for layer. Differences
left are those of float32 sums.
"""

import functools

import golden_inputs
import golden_store
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.checkpoints.importing.old_weights import OldWeights
from od_api.checkpoints.importing.placing import placed
from od_api.core.registry import build
from od_api.core.types import Targets
from od_api.core.variables import named_variables
from od_api.protos import model_pb2

CASES = golden_store.load("models")
# As in tests/golden/old_models.py: normalised boxes and classes of two images.
TRUTH = (
    (
        [[0.1, 0.15, 0.45, 0.4], [0.3, 0.5, 0.9, 0.95], [0.55, 0.1, 0.7, 0.25]],
        [0, 2, 1],
    ),
    ([[0.2, 0.2, 0.8, 0.7]], [1]),
)


def config_of(text):
    """The old config's text as a message of ours, with what its network needs."""
    config = text_format.Parse(text, model_pb2.DetectionModel())
    kind = config.WhichOneof("model")
    extractor = getattr(config, kind).feature_extractor
    extractor.old_padding = "resnet50" in extractor.type
    if kind == "faster_rcnn":
        pyramid = "_fpn" in extractor.type
        config.faster_rcnn.first_stage_predictors_per_level = pyramid
    return config


def import_old(detector, case, weight):
    """Gives a detector the weights {old name of a variable: weight(name, shape)}.

    Returns:
      {old name: our variable}; convolution biases that the old ResNet had not are 0.
    """
    known = zip(case["variable_names"], case["variable_shapes"], strict=True)
    arrays = {
        name.removesuffix(":0"): weight(name, tuple(map(int, shape.split("x"))))
        for name, shape in known
    }
    named = named_variables(detector.parts)
    old = OldWeights("golden", "arrays", False, arrays, {}, 0)
    found = placed(old, detector.parts, named)
    variables = {}
    for name, variable in named.items():
        if name.endswith("seed_generator_state"):
            continue
        variable.assign(found.values[name])
        origin = found.origins[name]
        assert origin in arrays or (
            name.endswith("bias") and not variable.numpy().any()
        )
        if origin in arrays:
            variables[f"{origin}:0"] = variable
    return variables


@functools.lru_cache(1)
def loaded(name):
    """(detector with the old weights, {old name: our variable})."""
    case = CASES[name]
    detector = build(config_of(case["config"]))
    return detector, import_old(detector, case, golden_inputs.weight)


def side_of(detector):
    return detector.resizer.output_shape[0]


def raw(detector, training):
    side = side_of(detector)
    images = np.stack([golden_inputs.image(40 + i, side, side) for i in range(2)])
    shapes = tf.constant([[side, side]] * 2, tf.int32)
    return detector.call(tf.constant(images), shapes, training=training)


def targets(side):
    boxes, classes = np.zeros((2, 3, 4), np.float32), np.zeros((2, 3), np.int32)
    valid = np.zeros((2, 3), bool)
    for i, (box, kind) in enumerate(TRUTH):
        boxes[i, : len(box)], classes[i, : len(kind)] = box, kind
        valid[i, : len(box)] = True
    return Targets(
        boxes=tf.constant(boxes * side),
        classes=tf.constant(classes),
        weights=tf.constant(valid, tf.float32),
        valid=tf.constant(valid),
        true_shapes=tf.constant([[side, side]] * 2, tf.int32),
    )


@pytest.mark.parametrize("name", CASES)
def test_every_variable_has_its_old_twin(name):
    case = CASES[name]
    _, variables = loaded(name)
    assert set(variables) == set(case["variable_names"])
    shapes = ["x".join(map(str, variables[n].shape)) for n in case["variable_names"]]
    assert shapes == list(case["variable_shapes"])


def forward(name, training):
    """(Predictions, losses with weight decay, {old name: gradient norm})."""
    detector, variables = loaded(name)
    statistics = {n: v.numpy() for n, v in variables.items() if "moving" in n}
    with tf.GradientTape() as tape:
        found = raw(detector, training)
        losses = detector.losses(found, targets(side_of(detector)))
        decay = [loss for part in detector.parts.values() for loss in part.losses]
        losses["regularization_loss"] = tf.add_n(decay)
        total = tf.add_n(list(losses.values()))
    trained = {n: v for n, v in variables.items() if n not in statistics}
    gradients = tape.gradient(total, trained, unconnected_gradients="zero")
    for n, value in statistics.items():
        variables[n].assign(value)
    norms = {n: np.linalg.norm(g.numpy()) for n, g in gradients.items()}
    return found, losses, norms


@pytest.mark.parametrize("name", CASES)
def test_outputs_losses_and_gradients_are_the_old_ones(name):
    """Raw outputs of some anchors and the absolute sums of all, losses, gradients."""
    case = CASES[name]
    found, losses, norms = forward(name, training=False)
    assert found.priors.boxes.shape[0] == case["inference_anchor_count"]
    codes = found.box_codes[:, :, 0]
    for ours, old in ((codes, "codes"), (found.class_logits, "logits")):
        ours, old = ours.numpy(), f"inference_{old}"
        scale = np.abs(case[old]).max()
        every = ours[:, :: int(case["every"])]
        np.testing.assert_allclose(every / scale, case[old] / scale, atol=5e-5)
        sums = np.abs(ours).sum((1, 2))
        np.testing.assert_allclose(sums, case[f"{old}_sums"], rtol=1e-5)
    for term, value in losses.items():
        old = case[f"inference_{term}"]
        np.testing.assert_allclose(value, old, rtol=1e-4, err_msg=term)
    compare_norms(norms, case, "inference")


@pytest.mark.parametrize("name", CASES)
def test_training_mode_is_the_old_one(name):
    """As above, with batch statistics.

    Those of 2 images on the coarsest map, of 1 x 1 cell, are the variance of two
    numbers, which magnifies rounding: hence wider limits, and medians of differences.
    """
    case = CASES[name]
    found, losses, norms = forward(name, training=True)
    codes = found.box_codes[:, :, 0]
    for ours, old in ((codes, "codes"), (found.class_logits, "logits")):
        every = ours.numpy()[:, :: int(case["every"])]
        difference = np.abs(every - case[f"training_{old}"])
        scale = np.abs(case[f"training_{old}"]).max()
        assert np.median(difference) < 5e-4 * scale
        assert difference.max() < 5e-2 * scale
    for term, value in losses.items():
        old = case[f"training_{term}"]
        np.testing.assert_allclose(value, old, rtol=2e-3, err_msg=term)
    compare_norms(norms, case, "training")


def compare_norms(norms, case, mode):
    """Gradient norms of all trained variables.

    A unit that rounding moves over a kink of its activation switches a whole path on or
    off, so a few norms differ by percents while most agree to five digits. A lost
    factor, such as a doubled weight decay, would show in most of them.
    """
    old = dict(zip(case["variable_names"], case[f"{mode}_gradient_norms"], strict=True))
    floor = 1e-5 * max(old.values())
    differences = [abs(norms[n] - old[n]) / (old[n] + floor) for n in norms]
    assert np.median(differences) < 5e-3
    assert max(differences) < 0.2


@pytest.mark.parametrize("name", CASES)
def test_detections_are_the_old_ones(name):
    case = CASES[name]
    detector, _ = loaded(name)
    found = detector.detect(raw(detector, False))
    np.testing.assert_array_equal(found.count, case["detection_count"])
    np.testing.assert_allclose(
        found.scores, case["detection_scores"], rtol=1e-4, atol=1e-5
    )
    boxes = found.boxes / side_of(detector)
    np.testing.assert_allclose(boxes, case["detection_boxes"], atol=1e-4)
    np.testing.assert_array_equal(found.classes, case["detection_classes"])
    np.testing.assert_array_equal(found.anchor_indices, case["detection_anchors"])
