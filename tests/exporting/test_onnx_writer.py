"""Suppression in ONNX Runtime and OpenVINO beside TensorFlow's."""

import numpy as np
import onnxruntime
import openvino
import pytest
import tensorflow as tf
from kit import random_boxes

from od_api.exporting import onnx_writer
from od_api.layers.engine_operators import engine_operators
from od_api.postprocess.batch_non_max_suppression import BatchNonMaxSuppression

# More than are looked at first.
ANCHORS, CLASSES = 700, 3
FIELDS = ("boxes", "scores", "classes", "count", "anchor_indices")


def part(**settings):
    return BatchNonMaxSuppression(score_threshold=0.01, iou_threshold=0.5, **settings)


class Suppression(tf.Module):
    """What `onnx_writer` takes, of boxes and scores; so many, or any number (None)."""

    def __init__(self, anchors):
        super().__init__()
        batch = anchors and 2
        self.specs = (
            tf.TensorSpec([batch, anchors, 4], tf.float32, "all_boxes"),
            tf.TensorSpec([batch, anchors, CLASSES], tf.float32, "all_scores"),
        )

    @tf.function
    def __call__(self, boxes, scores):
        with engine_operators(branches_of_open_sizes=self.specs[0].shape[1] is None):
            found = part(use_static_shapes=True).select(boxes, scores)
        return {name: tf.identity(getattr(found, name)) for name in FIELDS}


@pytest.fixture(scope="module", params=[ANCHORS, None])
def engines(request, tmp_path_factory):
    """Functions of boxes and scores -> {field: array}."""
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    onnx_writer.save(Suppression(request.param), path, {})
    session = onnxruntime.InferenceSession(path)

    def by_onnx(boxes, scores):
        inputs = zip(session.get_inputs(), (boxes, scores), strict=True)
        values = session.run(FIELDS, {one.name: value for one, value in inputs})
        return dict(zip(FIELDS, values, strict=True))

    def by_openvino(boxes, scores):
        found = compiled([boxes, scores])
        return {name: found[name] for name in FIELDS}

    by_onnx.takes_any_number = request.param is None
    if by_onnx.takes_any_number:
        return (by_onnx,)
    compiled = openvino.compile_model(path, "CPU")
    return by_onnx, by_openvino


def assert_tensorflows(engines, boxes, scores):
    """What they find, of TensorFlow's kernel."""
    native = part().select(tf.constant(boxes), tf.constant(scores))
    for engine in engines:
        found = engine(boxes, scores)
        for name in FIELDS:
            np.testing.assert_allclose(
                found[name], getattr(native, name), rtol=1e-6, err_msg=name
            )
    return native


@pytest.mark.parametrize(
    "crowd, least",
    [
        pytest.param(False, 0.0, id="settled by the best"),
        pytest.param(False, 0.99, id="few above the threshold"),
        pytest.param(True, 0.0, id="a crowd, of which all have to be looked at"),
    ],
)
def test_it_is_tensorflows(engines, crowd, least):
    """Where there are fewer than the most, too: padding is zero there, never NaN."""
    rng = np.random.default_rng(3)
    boxes = random_boxes(rng, 2, ANCHORS, size=1000.0)
    if crowd:
        boxes = np.float32([0, 0, 60, 60]) + 0.1 * boxes
    scores = rng.permutation(2 * ANCHORS * CLASSES).reshape(2, ANCHORS, CLASSES)
    scores = (scores / scores.size).astype(np.float32)
    scores = np.where(scores > least, scores, 0.0)
    native = assert_tensorflows(engines, boxes, scores)
    is_full = not crowd and least == 0.0
    assert np.all((native.count == 100) == is_full) and np.all(native.count > 3)
    if engines[0].takes_any_number:
        assert_tensorflows(engines, boxes[:, :90], scores[:, :90])
