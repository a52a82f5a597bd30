"""Operators of ONNX that tf2onnx's graphs get, by name, inputs and attributes."""

import numpy as np

from od_api.engines.onnx_engine import EXTRA
from od_api.system.extras import needed

tf2onnx = needed("tf2onnx", EXTRA)
# ONNX's numbers of the types, for Cast.
FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9


class OnnxNodes:
    """Called with an operator, inputs and attributes it returns the output's name.

    Args:
      graph: of tf2onnx, which gets the operators.
    """

    def __init__(self, graph):
        self._graph = graph

    def __call__(self, kind, *inputs, **attr):
        return self._graph.make_node(kind, list(inputs), attr=attr).output[0]

    def const(self, value):
        """The name of a constant of an array."""
        name = tf2onnx.utils.make_name("constant")
        return self._graph.make_const(name, value).output[0]

    def number(self, value):
        """The name of a float32, of one or several."""
        return self.const(np.array(value, np.float32))
