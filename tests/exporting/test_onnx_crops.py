"""Crops in ONNX Runtime and OpenVINO are TensorFlow's, to rounding."""

import numpy as np
import onnxruntime
import openvino
import pytest
import tensorflow as tf
import tf2onnx

from od_api.exporting.onnx_crops import crops
from od_api.layers.bilinear_crops import crop_and_resize

HEIGHT, WIDTH, DEPTH = 9, 14, 3


def found_by_engines(features, boxes, size):
    def cropped(features, boxes):
        # Pooling is transposed in ONNX.
        features = tf.nn.max_pool2d(features, 1, 1, "VALID")
        return crop_and_resize(features, boxes, (90, 140), size)

    model, _ = tf2onnx.convert.from_function(
        tf.function(cropped),
        input_signature=[
            tf.TensorSpec([None, None, None, DEPTH]),
            tf.TensorSpec([None, None, 4]),
        ],
        opset=18,
        custom_op_handlers={"CropAndResize": (crops, [])},
    )
    kinds = {node.op_type for node in model.graph.node}
    assert "RoiAlign" in kinds and not kinds & {"Loop", "Resize"}
    model = model.SerializeToString()
    session = onnxruntime.InferenceSession(model)
    names = [i.name for i in session.get_inputs()]
    yield session.run(None, dict(zip(names, (features, boxes), strict=True)))[0]
    compiled = openvino.Core().compile_model(
        openvino.Core().read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    yield compiled([features, boxes])[0]


@pytest.mark.parametrize("size", [(4, 5), (1, 3), (2, 1)])
def test_it_is_tensorflows(size):
    """Boxes inside, with no size, on the edges, reversed, and partly outside, where
    samples are 0; of two images."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, HEIGHT, WIDTH, DEPTH)).astype(np.float32)
    inside = np.sort(rng.uniform(0, 90, (2, 20, 2, 2)), axis=2).reshape(2, 20, 4)
    fixed = [
        [0, 0, 90, 140],
        [30, 40, 30, 40],
        [60, 100, 20, 10],
        [-20, -35, 40, 70],
        [50, 60, 130, 300],
        [-90, 0, -10, 10],
    ]
    boxes = np.concatenate([inside, [fixed, fixed]], axis=1).astype(np.float32)
    wanted = crop_and_resize(features, boxes, (90, 140), size).numpy()
    assert (wanted == 0).any() and (wanted != 0).any()
    for found in found_by_engines(features, boxes, size):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
