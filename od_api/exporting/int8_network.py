"""The network of an OpenVINO model in int8, by NNCF's quantisation after training.

Each channel of a kernel has a scale of its own. What is not of the network (see
LoweredNetwork) stays as it is. So do the heads (see WeightedLayers), which compute in
bfloat16 where the processor does.
"""

import logging
import pathlib
import tempfile

from od_api.core.errors import UserError
from od_api.engines.openvino_engine import FILE_NAME, OpenvinoModel
from od_api.exporting.lowered_network import LoweredNetwork
from od_api.exporting.sensitivity import first
from od_api.exporting.weighted_layers import WeightedLayers
from od_api.system.extras import needed

EXTRA = "int8"


def check_installed():
    """Raises UserError, which names the extra, where NNCF is not there."""
    needed("nncf", EXTRA)


def quantized(model, images, in_float=(), sensitivity=None):
    """An openvino.Model whose weighted operators compute in int8.

    Args:
      model: openvino.Model that takes images; changed.
      images: CalibrationImages: the ranges of features are those that these have.
      in_float: as of WeightedLayers.chosen.
      sensitivity: Sensitivity, which then measures the layers; None: nobody asks. The
        ranges of features are then those of the few images that it measures with.

    Raises:
      UserError: the model has nothing to quantise, or NNCF fails.
    """
    needed("nncf", EXTRA)
    # It says which operators it leaves out. Its own set_log_level would also change the
    # levels of handlers, which are those of whoever attached them.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    network = LoweredNetwork(model)
    layers = WeightedLayers(network, network.told())
    chosen = layers.chosen(in_float)

    def in_float_with(layers_in_int8):
        wanted = layers.operators_of(layers_in_int8)
        return network.others | (network.weighted - wanted)

    if sensitivity:
        sample = first(images)

        def alone(layer):
            clone, others = model.clone(), in_float_with([layer])
            return _loaded(_quantized(clone, sample, len(sample), others))

        sensitivity.measure(chosen, sample, _loaded(model), alone)
    exact = layers.operators_of(layers.named(in_float))
    model = _quantized(model, images, images.number, in_float_with(chosen))
    network.keep_others_exact(model, exact)
    return model


def _quantized(model, images, number, in_float):
    """The model without these of its operators in int8."""
    nncf = needed("nncf", EXTRA)
    try:
        return nncf.quantize(
            model,
            nncf.Dataset(images),
            subset_size=number,
            # Of features two-sided ranges that need not have their middle at zero.
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=sorted(in_float)),
        )
    except UserError:  # of a record
        raise
    except Exception as error:  # of many kinds, without a common one
        reason = str(error).strip().split("\n")[0][:300]
        raise UserError(
            f"the model cannot be quantised: {reason or type(error).__name__}"
        ) from error


def _loaded(model):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / FILE_NAME
        needed("openvino", "openvino").save_model(model, path, compress_to_fp16=False)
        return OpenvinoModel(path)
