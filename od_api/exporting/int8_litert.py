"""The network of a LiteRT model in int8, by AI Edge Quantizer after training.

Operators with weights take and give int8, of which each channel of a kernel has a scale
of its own; all others, such as decoding and suppression, stay in float32, and so do
the heads (see WeightedLayers).
"""

import re

from od_api.core.errors import UserError
from od_api.exporting.litert_operators import operators
from od_api.exporting.network_part import NetworkPart
from od_api.exporting.weighted_layers import WeightedLayers
from od_api.system.extras import needed
from od_api.system.processor import cores

EXTRA = "int8"
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "FULLY_CONNECTED")
_BITS = 8


def check_installed():
    """Raises UserError, which names the extra, where the quantizer is not there."""
    _part("quantizer")


def quantized(content, argument, images, in_float=()):
    """A flatbuffer whose weighted operators, but those of heads, compute in int8.

    Args:
      content: the flatbuffer of a float32 model, bytes.
      argument: name of its only input.
      images: iterable of uint8 arrays that it takes: the ranges of features are those
        that these have.
      in_float: as of WeightedLayers.chosen.

    Raises:
      UserError: the model has nothing to quantise, or the quantizer fails.
    """
    layers = WeightedLayers(NetworkPart(operators(content)))
    wanted = layers.operators_of(layers.chosen(in_float))
    # The other modes read every tensor, and those of loops are gone by then.
    mode = _part("calibrator").CalibrationMode.CALIBRATION_PROFILER_BASED
    quantizer = _part("quantizer").Quantizer(content)
    scopes = f"^({'|'.join(map(re.escape, sorted(wanted)))})$"
    for name in _WEIGHTED:
        kind = _part("qtyping").TFLOperationName(name)
        quantizer.add_static_config(scopes, kind, _BITS, _BITS)
    samples = {None: [{argument: image} for image in images]}
    try:
        found = quantizer.calibrate(samples, num_threads=cores(), mode=mode)
        made = quantizer.quantize(found, enable_progress_report=False)
    except Exception as error:  # of many kinds, without a common one
        reason = str(error).strip().split("\n")[0][:300]
        raise UserError(
            f"the model cannot be quantised: {reason or type(error).__name__}"
        ) from error
    return bytes(made.quantized_model)


def _part(name):
    return needed(f"ai_edge_quantizer.{name}", EXTRA, "ai-edge-quantizer")
