"""What is read of an `If`, which OpenVINO's memory is not right for everywhere."""

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from od_api.exporting.openvino_writer import _copy_what_if_gives


def body(factor):
    x = ops.parameter([-1, 4], np.float32)
    result = ops.result(ops.multiply(x, np.float32(factor)))
    return openvino.Model([result], [x]), x, result


def chosen(reading):
    """(model, its If): x or 2 x, and what reads that."""
    x, condition = ops.parameter([-1, 4], np.float32), ops.parameter([], bool)
    (first, one, gives), (other, two, gives_too) = body(1.0), body(2.0)
    node = ops.if_op(condition.output(0))
    node.set_then_body(first)
    node.set_else_body(other)
    node.set_input(x.output(0), one, two)
    read = reading(node.set_output(gives, gives_too))
    model = openvino.Model([ops.result(one) for one in read], [x, condition])
    return model, node


def scaled(output):
    """As a resized image is read: for its size, and by what normalises it."""
    return ops.shape_of(output), ops.multiply(output, np.float32(3.0))


def turned(output):
    """As an image whose channels are brought first."""
    return (ops.multiply(ops.transpose(output, np.array([1, 0])), np.float32(3.0)),)


def cut(output):
    rows = [np.array([value]) for value in (0, 1, 1, 0)]
    return (ops.slice(output, *rows),)


@pytest.mark.parametrize(
    "reading, is_copied", [(scaled, False), (turned, False), (cut, True)]
)
def test_what_is_looked_into_is_copied(reading, is_copied):
    """A copy of resized images made the first call of trained detectors wrong."""
    model, node = chosen(reading)
    _copy_what_if_gives(model)
    readers = node.output(0).get_target_inputs()
    kinds = [reader.get_node().get_type_name() for reader in readers]
    assert (kinds == ["Minimum"]) == is_copied
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    found = openvino.compile_model(model, "CPU")([x, np.array(False)])
    wanted = {scaled: x * 6, turned: x.T * 6, cut: x[:1] * 2}[reading]
    np.testing.assert_array_equal(found[len(found) - 1], wanted)
