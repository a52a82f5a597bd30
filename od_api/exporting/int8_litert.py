"""The network of a LiteRT model in int8, by AI Edge Quantizer after training.

Operators with weights take and give int8, of which each channel of a kernel has a scale
of its own; all others, such as decoding and suppression, stay in float32, and so do
the heads (see WeightedLayers).
"""

import contextlib
import pathlib
import re
import tempfile

from od_api.core.errors import UserError
from od_api.engines import litert_engine
from od_api.engines.litert_engine import LitertModel
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


def quantized(content, argument, images, in_float=(), sensitivity=None):
    """A flatbuffer whose weighted operators, but those of heads, compute in int8.

    Args:
      content: the flatbuffer of a float32 model, bytes.
      argument: name of its only input.
      images: iterable of uint8 arrays that it takes: the ranges of features are those
        that these have.
      in_float: as of WeightedLayers.chosen.
      sensitivity: Sensitivity, which then measures the layers; None: nobody asks.

    Raises:
      UserError: the model has nothing to quantise, or the quantizer fails.
    """
    layers = WeightedLayers(NetworkPart(operators(content)))
    chosen, images = layers.chosen(in_float), list(images)
    network = _Calibrated(content, layers.operators_of(chosen), argument, images)
    if sensitivity:

        def alone(layer):
            return _loaded(network.quantized(layers.operators_of([layer])))

        sensitivity.measure(chosen, images, _loaded(content), alone)
    return network.quantized(layers.operators_of(chosen))


class _Calibrated:
    """A network with the ranges of its features.

    Args:
      wanted: names of the operators whose ranges are asked for.
      The others: as of `quantized`.
    """

    def __init__(self, content, wanted, argument, images):
        self._content = content
        # The other modes read every tensor, and those of loops are gone by then.
        mode = _part("calibrator").CalibrationMode.CALIBRATION_PROFILER_BASED
        samples = {None: [{argument: image} for image in images]}
        with _told():
            self._ranges = self._quantizer(wanted).calibrate(
                samples, num_threads=cores(), mode=mode
            )

    def quantized(self, wanted):
        """The flatbuffer with these of the operators in int8."""
        with _told():
            quantizer = self._quantizer(wanted)
            quiet = {"enable_progress_bar": False, "enable_progress_report": False}
            made = quantizer.quantize(self._ranges, **quiet)
        return bytes(made.quantized_model)

    def _quantizer(self, wanted):
        quantizer = _part("quantizer").Quantizer(self._content)
        scopes = f"^({'|'.join(map(re.escape, sorted(wanted)))})$"
        for name in _WEIGHTED:
            kind = _part("qtyping").TFLOperationName(name)
            quantizer.add_static_config(scopes, kind, _BITS, _BITS)
        return quantizer


@contextlib.contextmanager
def _told():
    """Turns what the quantizer raises into a UserError."""
    try:
        yield
    except Exception as error:  # of many kinds, without a common one
        reason = str(error).strip().split("\n")[0][:300]
        raise UserError(
            f"the model cannot be quantised: {reason or type(error).__name__}"
        ) from error


def _loaded(content):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / litert_engine.FILE_NAME
        litert_engine.write(path, content, {})
        return LitertModel(path)


def _part(name):
    return needed(f"ai_edge_quantizer.{name}", EXTRA, "ai-edge-quantizer")
