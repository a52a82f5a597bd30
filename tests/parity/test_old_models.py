"""Whole detectors with the old API's weights: outputs, losses, gradients, detections.

Every variable gets the value that `golden_inputs.weight` makes of its old name, so the
comparison holds layer for layer. Differences left are those of float32 sums.
"""

import functools

import golden_inputs
import golden_store
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from old_names import old_name

from od_api.core.registry import build
from od_api.core.types import Targets
from od_api.protos import model_pb2

CASES = golden_store.load("models")
# As in tests/golden/old_models.py: normalised boxes and classes of two images.
TRUTH = (
    ([[0.1, 0.15, 0.45, 0.4], [0.3, 0.5, 0.9, 0.95], [0.55, 0.1, 0.7, 0.25]], [0, 2, 1]),
    ([[0.2, 0.2, 0.8, 0.7]], [1]),
)


@functools.lru_cache(1)
def loaded(name):
    """(detector with the old weights, {old name: our variable})."""
    case = CASES[name]
    detector = build(text_format.Parse(case["config"], model_pb2.DetectionModel()))
    variables = {}
    for part, layer in detector.parts.items():
        for variable in layer.variables:
            old = old_name(part, variable.path, list(case["variable_names"]))
            if old is None:
                assert variable.path.endswith("bias")
                variable.assign(tf.zeros(variable.shape))
                continue
            assert old not in variables
            value = golden_inputs.weight(old, tuple(variable.shape))
            if old == "conv1_conv/kernel:0":
                value = value[:, :, ::-1]  # Ours is fed BGR, the old one RGB.
            variable.assign(value)
            variables[old] = variable
    return detector, variables


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


@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("name", CASES)
def test_outputs_losses_and_gradients_are_the_old_ones(name, mode):
    """Raw outputs of a sample of anchors, their absolute sums, losses and gradients.

    Loss gradients alone: weight decay is added by the training step, not the detector.
    """
    case = CASES[name]
    detector, variables = loaded(name)
    statistics = {n: v.numpy() for n, v in variables.items() if "moving" in n}
    found = raw(detector, mode == "training")
    losses = detector.losses(found, targets(side_of(detector)))
    for n, value in statistics.items():
        variables[n].assign(value)
    old = {k.removeprefix(f"{mode}_"): v for k, v in case.items() if mode in k}
    assert found.anchors.shape[0] == old["anchor_count"]
    every = int(case["every"])
    foreground = found.class_logits
    for ours, theirs in ((found.box_codes, "codes"), (foreground, "logits")):
        scale = np.abs(old[theirs]).max()
        np.testing.assert_allclose(
            ours[:, ::every] / scale, old[theirs] / scale, atol=2e-5, err_msg=theirs
        )
        sums = np.abs(ours).sum((1, 2))
        np.testing.assert_allclose(sums, old[f"{theirs}_sums"], rtol=1e-4)
    for term, value in losses.items():
        np.testing.assert_allclose(value, old[term], rtol=1e-4, err_msg=term)


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
