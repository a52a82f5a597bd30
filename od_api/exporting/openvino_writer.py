"""A detector as an OpenVINO model: network, decoding and suppression in two files.

It is made of the ONNX model, whose suppression is an operator of OpenVINO as well.
Converted from the SavedModel it would be converted and loaded several times more
slowly, and Mask R-CNN not at all. Importing this raises UserError where the extra is
not installed.
"""

import numpy as np

from od_api.core.errors import UserError
from od_api.engines.artefacts import FLOAT32, INT8, PRECISION
from od_api.engines.openvino_engine import EXTRA, FILE_NAME, SECTION, OpenvinoModel
from od_api.exporting import int8_network, onnx_writer
from od_api.exporting.lowered_network import LoweredNetwork
from od_api.system.extras import needed

openvino = needed("openvino", EXTRA)

# What reads its arguments into memory of its own.
_COMPUTING = {"ShapeOf", "Add", "Subtract", "Multiply", "Divide", "Transpose"}


def write(module, folder, metadata, **of_int8):
    """Writes model.xml and model.bin of a ServingModule, as `onnx_writer.write`.

    Args:
      module: ServingModule that takes pixels.
      folder: that is there.
      metadata: {key: text} to keep in the model; its PRECISION is what the model asks
        of the CPU for the network, and in float16 its weights are kept so, too.
      of_int8: further arguments of int8_network.quantized, of int8 alone.

    Returns:
      The OpenvinoModel of what was written.

    Raises:
      UserError: the graph has what ONNX or OpenVINO cannot say.
    """
    through = folder / "through.onnx"
    is_raw = onnx_writer.save(module, through, {})
    try:
        return converted(through, folder, metadata, is_raw, **of_int8)
    finally:
        through.unlink()


def converted(path, folder, metadata, is_raw=False, **of_int8):
    """As `write`, of an ONNX model that `onnx_writer` wrote to the path; `is_raw`: with
    the heads alone."""
    try:
        model = openvino.convert_model(str(path))
    except Exception as error:  # of many kinds, without a common one
        reason = str(error).strip().split("\n")[-1][:300]
        raise UserError(
            f"this detector cannot be written for OpenVINO: {reason}"
        ) from error
    _copy_what_if_gives(model)
    precision = metadata.get(PRECISION, FLOAT32)
    if precision == INT8:
        model = int8_network.quantized(model, **of_int8)
    elif precision != FLOAT32:
        LoweredNetwork(model).keep_others_exact()
    for key, text in metadata.items():
        model.set_rt_info(text, [SECTION, key.removeprefix(f"{SECTION}.")])
    is_half = precision == "float16"
    openvino.save_model(model, str(folder / FILE_NAME), compress_to_fp16=is_half)
    return OpenvinoModel(folder / FILE_NAME, is_raw=is_raw)


def _copy_what_if_gives(model):
    """Puts a copy behind every output of an `If` that something looks into.

    OpenVINO 2026.4 lets a slice look into an output of `If` whose memory is replaced
    when the branch ends: what is computed of it is wrong, on the first call at least.
    Behind the others there is none: a copy of resized images, whose sizes are open,
    is what would be wrong on the first call.
    """
    for node in model.get_ops():
        if node.get_type_name() == "If":
            for output in node.outputs():
                readers = list(output.get_target_inputs())
                kinds = {reader.get_node().get_type_name() for reader in readers}
                if kinds <= _COMPUTING:
                    continue
                copy = _copy(output)
                for reader in readers:
                    reader.replace_source_output(copy)


def _copy(output):
    """A copy that is not optimised away: min(output, largest)."""
    kind = np.dtype(output.get_element_type().to_dtype())
    largest = np.inf if kind.kind == "f" else np.iinfo(kind).max
    ops = openvino.opset13
    return ops.minimum(output, ops.constant(np.array(largest, kind))).output(0)
