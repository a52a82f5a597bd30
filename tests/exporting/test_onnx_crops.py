"""Crops in ONNX Runtime and OpenVINO are TensorFlow's, to rounding."""

import numpy as np
import onnxruntime
import openvino
import pytest
import tensorflow as tf
import tf2onnx

from od_api.exporting.onnx_crops import crops
from od_api.layers.bilinear_crops import crop_and_resize, matmul_crop_and_resize
from od_api.layers.engine_operators import boxes_inside, engine_operators

HEIGHT, WIDTH, DEPTH = 9, 14, 3
IMAGE = (90, 140)


def found_by_engines(features, boxes, size, inside=False):
    def cropped(features, boxes):
        # Pooling is transposed in ONNX.
        features = tf.nn.max_pool2d(features, 1, 1, "VALID")
        with engine_operators(), boxes_inside(inside):
            return matmul_crop_and_resize(features, boxes, IMAGE, size)

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
    assert inside != ("And" in kinds)
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
    wanted = crop_and_resize(features, boxes, IMAGE, size).numpy()
    assert (wanted == 0).any() and (wanted != 0).any()
    for found in found_by_engines(features, boxes, size):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def boxes_at_edges(rng, window, count=500):
    """[count, 4] in a window (H, W), some edges of each on the window's; and the whole
    window, its corners as boxes of no size, and its sides as boxes of no width."""
    height, width = window
    low, high = np.sort(rng.uniform(0, 1, (2, count, 2)), axis=0)
    edges = np.concatenate([low, high], axis=1) * [height, width, height, width]
    bound = [0, 0, height, width]
    boxes = np.where(rng.uniform(size=edges.shape) < 0.5, bound, edges)
    corners = [[y, x, y, x] for y in (0, height) for x in (0, width)]
    sides = [[y, 0, y, width] for y in (0, height)]
    return np.concatenate([[bound], corners, sides, boxes])


@pytest.mark.parametrize("size", [(14, 14), (1, 3), (7, 2)])
def test_boxes_inside_need_no_mask(size):
    """In a map of ones each sample is 1, however it was rounded; else it is what
    TensorFlow reads. The second image is padded to the first one's size."""
    rng = np.random.default_rng(1)
    boxes = [boxes_at_edges(rng, window) for window in (IMAGE, (71, 103))]
    boxes = np.stack(boxes).astype(np.float32)
    features = rng.normal(size=(2, HEIGHT, WIDTH, DEPTH)).astype(np.float32)
    features[..., 0] = 1.0
    wanted = crop_and_resize(features, boxes, IMAGE, size).numpy()
    assert np.all(wanted[..., 0] == 1.0)
    for found in found_by_engines(features, boxes, size, inside=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5)
        np.testing.assert_allclose(found[..., 0], 1.0, rtol=0, atol=1e-6)
