"""TensorFlow's CropAndResize as ONNX's RoiAlign of one sample a bin.

Bins of the width of a step, around the samples, have their middles on them. Engines
have a kernel for it; products with interpolation matrices write and read the lines of
all boxes.
"""

import numpy as np

from od_api.exporting.onnx_nodes import FLOAT, INT64, OnnxNodes


def crops(graph, node, _name, _args):
    """A handler of tf2onnx: puts RoiAlign in the place of a bilinear CropAndResize.

    RoiAlign reads the border where samples are a little outside of the map, and those
    are made 0 behind it; not where boxes lie inside (UNREAD): rounding alone brings
    samples out there, and the border is right for them.
    """
    features, boxes, owners, _ = node.input
    size = node.inputs[3].get_tensor_value(as_list=False)
    has_samples_outside = node.get_attr_value("extrapolation_value") == 0.0
    outputs, shapes, dtypes = node.output, node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    nodes = OnnxNodes(graph)
    map_size = nodes("Gather", nodes("Shape", features), nodes.const(np.array([1, 2])))
    last = nodes("Cast", nodes("Sub", map_size, nodes.const(np.array(1))), to=FLOAT)
    first, step = _samples(nodes, boxes, last, size)
    found = nodes(
        "RoiAlign",
        nodes("Transpose", features, perm=[0, 3, 1, 2]),
        _bins(nodes, first, step, size),
        nodes("Cast", owners, to=INT64),
        coordinate_transformation_mode="half_pixel",
        output_height=int(size[0]),
        output_width=int(size[1]),
        sampling_ratio=1,
    )
    if has_samples_outside:
        inside = _inside(nodes, first, step, last, size)
        found = nodes("Mul", found, nodes("Cast", inside, to=FLOAT))
    graph.make_node(
        "Transpose",
        [found],
        attr={"perm": [0, 2, 3, 1]},
        outputs=outputs,
        shapes=shapes,
        dtypes=dtypes,
    )


def _samples(nodes, boxes, last, size):
    """(first samples, steps) [N, 2] in cells; one sample is in the middle of a box."""
    low, high = (
        nodes("Mul", nodes("Gather", boxes, nodes.const(np.array(sides)), axis=1), last)
        for sides in ([0, 1], [2, 3])
    )
    is_one = size == 1
    shares = nodes.number(np.where(is_one, 0.5, 0.0))
    length = nodes("Sub", high, low)
    first = nodes("Add", low, nodes("Mul", length, shares))
    step = nodes("Div", length, nodes.number(np.maximum(size - 1, 1)))
    return first, nodes("Where", nodes.const(is_one), nodes.number([1.0, 1.0]), step)


def _bins(nodes, first, step, size):
    """[N, 4] `[x, y, x, y]` of all bins of a box, half a cell further, as RoiAlign has
    them."""
    low = nodes("Sub", first, nodes("Mul", step, nodes.number(0.5)))
    low = nodes("Add", low, nodes.number(0.5))
    high = nodes("Add", low, nodes("Mul", step, nodes.number(size)))
    corners = nodes("Concat", low, high, axis=1)
    return nodes("Gather", corners, nodes.const(np.array([1, 0, 3, 2])), axis=1)


def _inside(nodes, first, step, last, size):
    """bool [N, 1, ch, cw]: the sample lies on the map."""
    rows, columns = (
        _inside_along(nodes, axis, count, first, step, last)
        for axis, count in enumerate(size)
    )
    rows = nodes("Unsqueeze", rows, nodes.const(np.array([1, 3])))
    return nodes(
        "And", rows, nodes("Unsqueeze", columns, nodes.const(np.array([1, 2])))
    )


def _inside_along(nodes, axis, count, first, step, last):
    """bool [N, count] of the samples along an axis."""
    axis = nodes.const(np.array([axis]))
    first, step = (nodes("Gather", value, axis, axis=1) for value in (first, step))
    last = nodes("Gather", last, axis)
    places = nodes("Add", first, nodes("Mul", step, nodes.number(np.arange(count))))
    return nodes(
        "And",
        nodes("GreaterOrEqual", places, nodes.number(0.0)),
        nodes("LessOrEqual", places, last),
    )
