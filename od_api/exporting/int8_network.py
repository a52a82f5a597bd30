"""The network of an OpenVINO model in int8, by NNCF's quantisation after training.

Each channel of a kernel has a scale of its own. What is not of the network (see
LoweredNetwork) stays as it is, and so do the heads (see WeightedLayers).
"""

import logging

from od_api.core.errors import UserError
from od_api.exporting.lowered_network import LoweredNetwork
from od_api.exporting.weighted_layers import WeightedLayers
from od_api.system.extras import needed

EXTRA = "int8"


def check_installed():
    """Raises UserError, which names the extra, where NNCF is not there."""
    needed("nncf", EXTRA)


def quantized(model, images, in_float=()):
    """An openvino.Model whose weighted operators compute in int8.

    Args:
      model: openvino.Model that takes images; changed.
      images: CalibrationImages: the ranges of features are those that these have.
      in_float: as of WeightedLayers.chosen.

    Raises:
      UserError: the model has nothing to quantise, or NNCF fails.
    """
    nncf = needed("nncf", EXTRA)
    # It says which operators it leaves out. Its own set_log_level would also change the
    # levels of handlers, which are those of whoever attached them.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    network = LoweredNetwork(model)
    layers = WeightedLayers(network, network.told())
    wanted = layers.operators_of(layers.chosen(in_float))
    others = network.others | (network.weighted - wanted)
    try:
        return nncf.quantize(
            model,
            nncf.Dataset(images),
            subset_size=images.number,
            # Of features two-sided ranges that need not have their middle at zero.
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=sorted(others)),
        )
    except UserError:  # of a record
        raise
    except Exception as error:  # of many kinds, without a common one
        reason = str(error).strip().split("\n")[0][:300]
        raise UserError(
            f"the model cannot be quantised: {reason or type(error).__name__}"
        ) from error
