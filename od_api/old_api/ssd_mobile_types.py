"""The old API's `type` strings of SSD on its later mobile networks.

They were of TensorFlow 1 alone, and have no names that end with "_keras".
"""

import functools

from od_api.core.errors import ConfigError
from od_api.old_api.feature_extractor_defaults import base_hyperparams
from od_api.old_api.ssd_extractor_parts import base, mobilenet, set_depth, ssd_maps
from od_api.protos import backbone_pb2


def _mobilenet_v3(message, size):
    """Its top is half as deep as that of the classifier."""
    backbone = backbone_pb2.Backbone()
    backbone.mobilenet_v3.size = size
    backbone.mobilenet_v3.halved_top = True
    mobilenet(message, backbone.mobilenet_v3)
    return backbone, ssd_maps(message, ["C4_expanded", "C5"])


def _mobilenet_edgetpu(message):
    _check_padding(message)
    backbone = backbone_pb2.Backbone()
    part = backbone.mobilenet_edgetpu
    base(message, part, "mobilenet")
    # Of hyperparams its code took all but the activation.
    part.conv_hyperparams.activation = part.conv_hyperparams.RELU
    return backbone, ssd_maps(message, ["C4_expanded", "C5"])


def _mobiledet(message, target):
    """override_base_feature_extractor_hyperparams never reached these networks."""
    _check_padding(message)
    backbone = backbone_pb2.Backbone()
    backbone.mobiledet.target = target
    set_depth(message, backbone.mobiledet)
    settings = base_hyperparams("mobiledet", keras_twin=False)
    backbone.mobiledet.conv_hyperparams.CopyFrom(settings)
    return backbone, ssd_maps(message, ["C4", "C5"])


def _check_padding(message):
    if message.use_explicit_padding:
        raise ConfigError(
            f"is not for type {message.type!r}; remove it", "use_explicit_padding"
        )


BUILT = {
    **{
        f"ssd_mobilenet_v3_{size}": functools.partial(_mobilenet_v3, size=size)
        for size in ("large", "small")
    },
    "ssd_mobilenet_edgetpu": _mobilenet_edgetpu,
    **{
        f"ssd_mobiledet_{target}": functools.partial(_mobiledet, target=target)
        for target in ("cpu", "dsp", "edgetpu", "gpu")
    },
}
