"""Division that rounds down in ONNX Runtime and OpenVINO is TensorFlow's."""

import numpy as np
import onnxruntime
import openvino
import pytest
import tensorflow as tf
import tf2onnx

from od_api.exporting.onnx_division import floor_div, floor_mod


def found_by_engines(function, over, under):
    model, _ = tf2onnx.convert.from_function(
        tf.function(function),
        input_signature=[tf.TensorSpec([None], over.dtype) for _ in range(2)],
        opset=18,
        custom_op_handlers={"FloorDiv": (floor_div, []), "FloorMod": (floor_mod, [])},
    )
    model = model.SerializeToString()
    session = onnxruntime.InferenceSession(model)
    names = [i.name for i in session.get_inputs()]
    yield session.run(None, dict(zip(names, (over, under), strict=True)))
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU")
    yield list(compiled([over, under]).values())


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_it_rounds_down(dtype):
    """-112 = -4 x 32 + 16, and 7 = -3 x -3 - 2."""
    over = np.array([112, -112, -96, 7, 0, -1], dtype)
    under = np.array([32, 32, 32, -3, 5, 128], dtype)

    def both(over, under):
        return over // under, over % under

    for quotients, rests in found_by_engines(both, over, under):
        np.testing.assert_array_equal(quotients, [3, -4, -3, -3, 0, -1])
        np.testing.assert_array_equal(rests, [16, 16, 0, -2, 0, 127])
