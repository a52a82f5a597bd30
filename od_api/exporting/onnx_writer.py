"""A detector as an ONNX model: network, decoding and suppression in one file.

tf2onnx brings the static form of the graph over; its loops become ONNX's, which ONNX
Runtime takes.
"""

import logging

from od_api.core.errors import UserError
from od_api.engines.onnx_engine import EXTRA, FILE_NAME, OnnxModel
from od_api.system.extras import needed

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
      UserError: tf2onnx is not there, or the graph has what ONNX cannot say.
    """
    onnx = needed("onnx", EXTRA)
    tf2onnx = needed("tf2onnx", EXTRA)
    # It lists rewrites, and warns of assertions that it leaves out.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        model, _ = tf2onnx.convert.from_function(
            module.__call__, input_signature=module.specs, opset=OPSET
        )
    except Exception as error:  # of many kinds, without a common one
        reason = str(error).strip().split("\n")[0][:300]
        raise UserError(
            f"this detector cannot be written as ONNX: {reason or type(error).__name__}"
        ) from error
    _forget_sizes(model)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, str(folder / FILE_NAME))
    return OnnxModel(folder / FILE_NAME)


def _forget_sizes(model):
    """Names the sizes that may vary, in place of tf2onnx's numbers."""
    names = ("batch", "height", "width")
    for argument in model.graph.input:
        dimensions = argument.type.tensor_type.shape.dim
        for name, dimension in zip(names, dimensions, strict=False):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name
