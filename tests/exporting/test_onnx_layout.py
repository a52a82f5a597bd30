"""Transpositions move above arithmetic, and what is computed stays the same."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from od_api.exporting.onnx_layout import bring_channels_first

OPERANDS = {
    "number": np.array(0.3, np.float32),
    "one": np.array([0.3], np.float32),
    "channels": np.array([0.1, 0.2, 0.3], np.float32),
    "map": np.arange(1, 5, dtype=np.float32).reshape(1, 4, 1, 1),
    "image": np.arange(1, 61, dtype=np.float32).reshape(1, 4, 5, 3),
    "rows": np.arange(1, 16, dtype=np.float32).reshape(5, 3),
}
CHANNELS_FIRST = [0, 3, 1, 2]


def model_of(steps, kept=()):
    """[(kind, operand)] of images, one after the other, then a transposition.

    Args:
      kept: numbers of the steps whose values are outputs, too.
    """
    nodes, last = [], "images"
    for number, (kind, operand) in enumerate(steps):
        nodes.append(helper.make_node(kind, [last, operand], [f"step{number}"]))
        last = f"step{number}"
    nodes.append(helper.make_node("Transpose", [last], ["out"], perm=CHANNELS_FIRST))
    shape = ["batch", 4, 5, 3]
    graph = helper.make_graph(
        nodes,
        "steps",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4)
            for name in ("out", *(f"step{number}" for number in kept))
        ],
        [onnx.numpy_helper.from_array(x, name) for name, x in OPERANDS.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )


def found_by(model):
    """Outputs of two random images, without the runtime's own rewriting."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    images = np.random.default_rng(2).random((2, 4, 5, 3), np.float32)
    return session.run(None, {"images": images})


def kinds(model):
    return [node.op_type for node in model.graph.node]


def moved(steps, kept=()):
    """Kinds of operators after moving; what they give is as before, to the bit."""
    model = model_of(steps, kept)
    before = found_by(model)
    bring_channels_first(model)
    onnx.checker.check_model(model)
    for got, want in zip(found_by(model), before, strict=True):
        np.testing.assert_array_equal(got, want)
    return kinds(model)


def test_above_all_arithmetic():
    steps = [("Mul", "number"), ("Sub", "one"), ("Div", "number"), ("Add", "number")]
    found = moved(steps)
    assert found[0] == "Transpose"
    assert found[-1] == "Add"
    assert found.count("Transpose") == 1


@pytest.mark.parametrize("operand", [*OPERANDS][:5])
def test_operands_are_brought_along(operand):
    found = moved([("Sub", operand), ("Mul", operand)])
    assert found[-1] == "Mul"
    assert "Transpose" in found[:2]


def test_a_square():
    """Both operands are the image, which is transposed once."""
    assert moved([("Mul", "images"), ("Sub", "number")]) == ["Transpose", "Mul", "Sub"]


def test_an_operand_of_rows_stays_where_it_is():
    """[5, 3] of columns and channels has no channels to bring first."""
    assert moved([("Sub", "rows"), ("Mul", "number")]) == ["Sub", "Transpose", "Mul"]


def test_what_others_read_stays_where_it_is():
    steps = [("Sub", "number"), ("Mul", "number")]
    assert moved(steps, kept=[0]) == ["Sub", "Transpose", "Mul"]
    assert moved(steps, kept=[1]) == ["Sub", "Mul", "Transpose"]


def test_other_permutations_stay_where_they_are():
    model = model_of([("Sub", "number")])
    model.graph.node[-1].attribute[0].ints[:] = [0, 2, 1, 3]
    bring_channels_first(model)
    assert kinds(model) == ["Sub", "Transpose"]
