"""TensorFlow's ResizeBilinear in ONNX's Gather and arithmetic, as exactly as it is.

ONNX's Resize divides each place by `new / old`, where TensorFlow multiplies it by
`old / new`. The last bits of places of large images, times the difference of
neighbouring pixels, move boxes of trained detectors by several thousandths of a pixel.
"""

import numpy as np

from od_api.exporting.onnx_nodes import BOOL, FLOAT, INT32, INT64, OnnxNodes


def bilinear(graph, node, _name, _args):
    """A handler of tf2onnx: puts Gathers in the place of a ResizeBilinear.

    Images that have the size go through as they are.
    """
    images, size = node.input
    settings = {n: bool(node.get_attr_value(n, 0)) for n in _SETTINGS}
    outputs, shapes, dtypes = node.output, node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    nodes = OnnxNodes(graph)
    news = nodes("Cast", size, to=INT64)
    # tf2onnx forgets a Shape's own bounds where it moves transpositions.
    olds = nodes("Gather", nodes("Shape", images), nodes.const(np.array([1, 2])))
    same = nodes("Equal", olds, news)
    same = nodes("ReduceMin", nodes("Cast", same, to=INT32), keepdims=0)
    same = nodes("Cast", same, to=BOOL)
    branches = {
        "then_branch": _branch(graph, shapes, dtypes, _as_it_is, images, news),
        "else_branch": _branch(graph, shapes, dtypes, _resized, images, news, settings),
    }
    graph.make_node(
        "If", [same], outputs=outputs, shapes=shapes, dtypes=dtypes, branches=branches
    )


def _branch(graph, shapes, dtypes, make, *arguments):
    """The graph of what `make(nodes, *arguments)` gives."""
    branch = graph.create_new_graph_with_same_config()
    branch.parent_graph = graph
    found = make(OnnxNodes(branch), *arguments)
    branch.add_graph_output(found, dtypes[0], shapes[0])
    return branch


def _as_it_is(nodes, images, news):
    """With the sizes that are known, if they are."""
    same = nodes.const(np.array([0]))
    return nodes("Reshape", images, nodes("Concat", same, news, same, axis=0))


def _resized(nodes, images, news, settings):
    for axis in (1, 2):
        old = nodes("Gather", nodes("Shape", images), nodes.const(np.array([axis])))
        new = nodes("Gather", news, nodes.const(np.array([axis - 1])))
        images = _along(nodes, images, axis, *_places(nodes, old, new, **settings))
    return images


_SETTINGS = ("align_corners", "half_pixel_centers")


def _places(nodes, old, new, align_corners, half_pixel_centers):
    """(float32 [new] places of the new pixels among the old ones, the last place)."""
    one = nodes.const(np.array([1]))
    last = nodes("Sub", old, one)
    scale = _quotient(nodes, old, new)
    if align_corners:
        room = nodes("Sub", new, one)
        aligned = _quotient(nodes, last, nodes("Max", room, one))
        scale = nodes(
            "Where", nodes("Greater", room, nodes("Sub", one, one)), aligned, scale
        )
    scalars = nodes.const(np.array(0)), nodes.const(np.array(1))
    count = nodes("Squeeze", new, nodes.const(np.array([0])))
    numbers = nodes("Cast", nodes("Range", scalars[0], count, scalars[1]), to=FLOAT)
    last = nodes("Cast", last, to=FLOAT)
    if not half_pixel_centers:
        return nodes("Mul", numbers, scale), last
    half = nodes.number(0.5)
    middle = nodes("Mul", nodes("Add", numbers, half), scale)
    return nodes("Sub", middle, half), last


def _quotient(nodes, over, under):
    """float32 of over / under, two int64 of at most 19 bits, rightly rounded.

    By long division, whose digits have 12 bits: OpenVINO makes a product of a division,
    whose last bit is another, and has no integers of more than 32 bits.
    """
    base, digits, rest = nodes.const(np.array(2**12)), [], over
    for _ in range(4):
        digit = nodes("Div", rest, under)
        rest = nodes("Mul", nodes("Sub", rest, nodes("Mul", digit, under)), base)
        digits.append(nodes("Cast", digit, to=FLOAT))
    for i in (1, 2, 3):
        digits[i] = nodes("Mul", digits[i], nodes.number(2.0 ** (-12 * i)))
    high, low = nodes("Add", *digits[:2]), nodes("Add", *digits[2:])
    return nodes("Add", high, low)


def _along(nodes, images, axis, places, last):
    """Images [B, h, w, C] with one axis brought to the places."""
    low = nodes("Floor", places)
    share = nodes("Sub", places, low)
    low = nodes("Max", low, nodes.number(0.0))
    high = nodes("Min", nodes("Ceil", places), last)
    first, second = (
        nodes("Gather", images, nodes("Cast", place, to=INT64), axis=axis)
        for place in (low, high)
    )
    inner = np.arange(1, 4 - axis)
    share = nodes("Unsqueeze", share, nodes.const(inner))
    rise = nodes("Mul", nodes("Sub", second, first), share)
    return nodes("Add", first, rise)
