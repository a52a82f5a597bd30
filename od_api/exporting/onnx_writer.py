"""A detector as an ONNX model: network, decoding and suppression in one file.

tf2onnx brings the static form of the graph over. Where it was traced inside of
`engine_operators()`, greedy suppression and bilinear crops are operators of ONNX.
Importing this raises UserError where the extra is not installed.
"""

import logging

import numpy as np

from od_api.core.errors import UserError
from od_api.engines.artefacts import RAW_OUTPUT
from od_api.engines.onnx_engine import EXTRA, FILE_NAME, OnnxModel
from od_api.exporting.onnx_crops import crops
from od_api.exporting.onnx_division import floor_div, floor_mod
from od_api.exporting.onnx_layout import bring_channels_first
from od_api.exporting.onnx_resizing import bilinear
from od_api.layers import engine_nms
from od_api.system.extras import needed

onnx, tf2onnx = needed("onnx", EXTRA), needed("tf2onnx", EXTRA)
# The oldest operators that say all of it; engines take newer ones more rarely.
OPSET = 18


def write(module, folder, metadata):
    """Writes model.onnx of a ServingModule, whose detector has its static form.

    Args:
      module: ServingModule that takes pixels.
      folder: that is there.
      metadata: {key: text} to keep in the model.

    Returns:
      The OnnxModel of what was written.

    Raises:
      UserError: the graph has what ONNX cannot say.
    """
    is_raw = save(module, folder / FILE_NAME, metadata)
    return OnnxModel(folder / FILE_NAME, is_raw=is_raw)


def save(module, path, metadata):
    """Writes the file that `write` loads; the arguments and errors are its own.

    Returns:
      Whether it has the heads alone.
    """
    # It lists rewrites, and warns of assertions that it leaves out.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        model, _ = tf2onnx.convert.from_function(
            module.__call__,
            input_signature=module.specs,
            opset=OPSET,
            custom_op_handlers={
                engine_nms.OPERATION: (_suppression, []),
                "CropAndResize": (crops, []),
                "FloorDiv": (floor_div, []),
                "FloorMod": (floor_mod, []),
                "ResizeBilinear": (bilinear, []),
                "SelectV2": (_choice, []),
            },
        )
    except Exception as error:  # of many kinds, without a common one
        reason = str(error).strip().split("\n")[0][:300]
        raise UserError(
            f"this detector cannot be written as ONNX: {reason or type(error).__name__}"
        ) from error
    bring_channels_first(model)
    _forget_sizes(model)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, str(path))
    return any(output.name == RAW_OUTPUT for output in model.graph.output)


def _suppression(graph, node, _name, _args):
    """Puts NonMaxSuppression in the place of `engine_nms.left_after_nms`.

    It gives the (list, class, box) of what is kept; scores stay there, and are -inf
    elsewhere.
    """
    _, scores, *_ = inputs = list(node.input)
    outputs, shapes, dtypes = node.output, node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)

    def made(kind, *values, **settings):
        return graph.make_node(kind, list(values), **settings).output[0]

    kept = made("NonMaxSuppression", *inputs)
    nothing = _filled(made, made("Shape", scores), -np.inf)
    graph.make_node(
        "ScatterND",
        [nothing, kept, made("GatherND", scores, kept)],
        outputs=outputs,
        shapes=shapes,
        dtypes=dtypes,
    )


def _choice(graph, node, _name, _args):
    """Puts Where in the place of `tf.where`.

    tf2onnx makes a sum of products of it, which is NaN where what is not chosen is
    infinite; of whole numbers that is right.
    """
    is_float = graph.get_dtype(node.output[0]) == onnx.TensorProto.FLOAT
    if is_float:
        node.type = "Where"
    else:
        tf2onnx.onnx_opset.controlflow.Select.version_9(graph, node)


def _filled(made, shape, value):
    value = onnx.numpy_helper.from_array(np.array([value], np.float32))
    return made("ConstantOfShape", shape, attr={"value": value})


def _forget_sizes(model):
    """Names the sizes that may vary, in place of tf2onnx's numbers."""
    names = ("batch", "height", "width")
    for argument in model.graph.input:
        dimensions = argument.type.tensor_type.shape.dim
        for name, dimension in zip(names, dimensions, strict=False):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name
