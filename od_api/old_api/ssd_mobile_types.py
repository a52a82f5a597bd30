"""The old API's `type` strings of SSD on its later mobile networks and lighter maps.

They were of TensorFlow 1 alone, and have no names that end with "_keras".
"""

import functools

from od_api.core.errors import ConfigError
from od_api.core.multiples import divisible_by_8
from od_api.old_api.feature_extractor_defaults import (
    base_hyperparams,
    everything_explicit,
)
from od_api.old_api.ssd_extractor_parts import base, mobilenet, set_depth, ssd_maps
from od_api.protos import backbone_pb2, neck_pb2


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
    """min_depth and override_base_.. never reached these networks, only their maps."""
    _check_padding(message)
    backbone = backbone_pb2.Backbone()
    backbone.mobiledet.target = target
    backbone.mobiledet.depth_multiplier = message.depth_multiplier
    settings = base_hyperparams("mobiledet", keras_twin=False)
    backbone.mobiledet.conv_hyperparams.CopyFrom(settings)
    return backbone, ssd_maps(message, ["C4", "C5"])


def _spaghettinet(message):
    """Five maps of its own; of the other settings its code read the padding alone."""
    name = message.spaghettinet_arch_name or "spaghettinet_edgetpu_m"
    if name not in SPAGHETTI_SIZES:
        raise ConfigError(
            f"is {name!r}: take {', '.join(SPAGHETTI_SIZES)}", "spaghettinet_arch_name"
        )
    backbone, neck = backbone_pb2.Backbone(), neck_pb2.Neck()
    part = backbone.spaghettinet
    part.size = SPAGHETTI_SIZES[name]
    part.use_explicit_padding = message.use_explicit_padding
    settings = base_hyperparams("spaghettinet", keras_twin=False)
    part.conv_hyperparams.CopyFrom(settings)
    neck.ssd_feature_maps.levels.extend(["C4", "C5", "C6", "C7", "C7_last"])
    return backbone, neck


def _mobilenet_v1_ppn(message):
    """Maxima of one map; `num_layers`, `use_depthwise` and the like were not read."""
    backbone = backbone_pb2.Backbone()
    mobilenet(message, backbone.mobilenet_v1)
    neck = neck_pb2.Neck()
    neck.pooling_pyramid.level = "C4"
    neck.pooling_pyramid.num_layers = 6
    return backbone, neck


def _embedded_mobilenet_v1(message):
    """No kernel is larger than its map: 256 px end with 2x2 cells that become one.

    Its base took conv_hyperparams without being asked to.
    """
    backbone = backbone_pb2.Backbone()
    mobilenet(message, backbone.mobilenet_v1)
    settings = everything_explicit(message.conv_hyperparams)
    backbone.mobilenet_v1.conv_hyperparams.CopyFrom(settings)
    neck = ssd_maps(message, ["C4", "C5"], [512, 256, 256])
    maps = neck.ssd_feature_maps
    maps.extra_kernels.extend([3, 3, 2][: len(maps.extra_depths)])
    return backbone, neck


def _mobilenet_v2_mnasfpn(message):
    """Both parts had settings in the code; conv_hyperparams are the head's alone."""
    _check_padding(message)
    levels = (message.fpn.min_level, message.fpn.max_level)
    if message.HasField("fpn") and levels != (3, 6):
        raise ConfigError(f"is of levels {levels}; MnasFPN has 3 to 6", "fpn")
    backbone, neck = backbone_pb2.Backbone(), neck_pb2.Neck()
    settings = base_hyperparams("mnas_fpn", keras_twin=False)
    set_depth(message, backbone.mobilenet_v2)
    backbone.mobilenet_v2.narrow_top = True
    backbone.mobilenet_v2.conv_hyperparams.CopyFrom(settings)
    part = neck.mnas_fpn
    if message.HasField("fpn"):
        part.depth = message.fpn.additional_layer_depth
    part.depth = max(
        divisible_by_8(part.depth * message.depth_multiplier), message.min_depth
    )
    part.expansion_multiplier = message.depth_multiplier
    # Regularised harder than the network below.
    settings.regularizer.l2_regularizer.weight = 0.0001
    part.conv_hyperparams.CopyFrom(settings)
    return backbone, neck


def _check_padding(message):
    if message.use_explicit_padding:
        raise ConfigError(
            f"is not for type {message.type!r}; remove it", "use_explicit_padding"
        )


SPAGHETTI_SIZES = {
    f"spaghettinet_edgetpu_{size[0]}": size for size in ("small", "medium", "large")
}

BUILT = {
    **{
        f"ssd_mobilenet_v3_{size}": functools.partial(_mobilenet_v3, size=size)
        for size in ("large", "small")
    },
    "ssd_mobilenet_edgetpu": _mobilenet_edgetpu,
    "ssd_spaghettinet": _spaghettinet,
    "ssd_mobilenet_v2_mnasfpn": _mobilenet_v2_mnasfpn,
    "ssd_mobilenet_v1_ppn": _mobilenet_v1_ppn,
    "embedded_ssd_mobilenet_v1": _embedded_mobilenet_v1,
    **{
        f"ssd_mobiledet_{target}": functools.partial(_mobiledet, target=target)
        for target in ("cpu", "dsp", "edgetpu", "gpu")
    },
}
