"""The layout of images in an ONNX model: channels come first as early as they can.

tf2onnx transposes right before the first convolution. What normalises pixels in front
of it would compute with three channels innermost, which vectorises badly: OpenVINO
needs several times as long for it.
"""

import collections

import numpy as np

from od_api.engines.onnx_engine import EXTRA
from od_api.system.extras import needed

onnx = needed("onnx", EXTRA)

_CHANNELS_FIRST = [0, 3, 1, 2]
_ARITHMETIC = {"Add", "Sub", "Mul", "Div"}


def bring_channels_first(model):
    """Moves transpositions of images above the arithmetic that they alone read.

    Args:
      model: onnx.ModelProto, changed; it gives the same, to the bit.
    """
    graph = _Graph(model)
    for node in list(model.graph.node):
        if node.op_type == "Transpose" and _permutation(node) == _CHANNELS_FIRST:
            graph.move_up(node)


class _Graph:
    """The main graph of a model, with what is known of its values."""

    def __init__(self, model):
        graph = model.graph
        self._nodes, self._constants = graph.node, graph.initializer
        self._makers = {name: node for node in graph.node for name in node.output}
        self._readers = collections.Counter(value.name for value in graph.output)
        for node in graph.node:
            self._readers.update(_read_by(node))
        self._ranks = _ranks(model)

    def move_up(self, transposition):
        """Puts the transposition above all arithmetic that it can go above."""
        moved = self._movable(transposition)
        if not moved:
            return
        first, last = moved[-1], moved[0]
        image = first.input[0]
        for node in moved:
            node.input[1] = self._with_channels_first(node.input[1], node)
        first.input[0] = self._transposed(image, first)
        del self._nodes[self._place(transposition)]
        last.output[0] = transposition.output[0]

    def _movable(self, transposition):
        """The arithmetic above a transposition, from the last to the first."""
        found, value = [], transposition.input[0]
        while self._readers[value] == 1 and value in self._makers:
            node = self._makers[value]
            ranks = [self._ranks.get(name) for name in node.input]
            if node.op_type not in _ARITHMETIC or ranks[0] != 4:
                break
            if ranks[1] not in (0, 1, 4):
                break
            found.append(node)
            value = node.input[0]
        return found

    def _with_channels_first(self, value, reader):
        """The name of an operand of arithmetic in the other layout."""
        rank = self._ranks[value]
        if rank == 0:
            return value
        if rank == 4:
            return self._transposed(value, reader)
        # [C] -> [C, 1, 1]; a single number fits as well.
        shape = onnx.numpy_helper.from_array(
            np.array([-1, 1, 1]), f"{value}/shape/{reader.output[0]}"
        )
        self._constants.append(shape)
        return self._made("Reshape", [value, shape.name], reader)

    def _transposed(self, value, reader):
        return self._made("Transpose", [value], reader, perm=_CHANNELS_FIRST)

    def _made(self, kind, inputs, reader, **settings):
        """The name of the value of a new operator in front of its reader."""
        name = f"{inputs[0]}/channels_first/{reader.output[0]}"
        if name not in self._makers:
            node = onnx.helper.make_node(kind, inputs, [name], name=name, **settings)
            self._nodes.insert(self._place(reader), node)
            self._makers[name] = node
        return name

    def _place(self, node):
        (made,) = node.output
        return next(i for i, n in enumerate(self._nodes) if made in n.output)


def _permutation(node):
    return next((list(a.ints) for a in node.attribute if a.name == "perm"), None)


def _read_by(node):
    """Names of the values that a node reads, in its branches, too."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _read_by(inner)
        yield from (value.name for value in attribute.g.output)


def _ranks(model):
    """{name: number of axes} of the values of which it is known."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    found = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        shape = value.type.tensor_type
        if shape.HasField("shape"):
            found[value.name] = len(shape.shape.dim)
    return found
