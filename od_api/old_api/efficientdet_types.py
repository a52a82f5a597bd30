"""The old API's `type` strings of EfficientDet: EfficientNet below a BiFPN."""

import functools

from od_api.core.errors import ConfigError
from od_api.old_api.feature_extractor_defaults import base_hyperparams
from od_api.protos import backbone_pb2, neck_pb2

# (passes, channels) of the BiFPN over B0 to B7, where a config does not say: the old
# code's own, of EfficientDet D0 to D7 (Tan et al., CVPR 2020, table 1).
SIZES = ((3, 64), (4, 88), (5, 112), (6, 160), (7, 224), (7, 288), (8, 384), (8, 384))

# What the old extractor refused, too: {field: the only value}.
FIXED = {
    "depth_multiplier": 1,
    "use_explicit_padding": False,
    "use_depthwise": False,
    "override_base_feature_extractor_hyperparams": False,
}


def efficientnet_bifpn(message, version):
    """(Backbone, Neck) of a `type` of EfficientDet.

    Raises:
      ConfigError: a setting that these networks do not have.
    """
    for field, value in FIXED.items():
        if getattr(message, field) != value:
            raise ConfigError(f"is not for type {message.type!r}; remove it", field)
    backbone = backbone_pb2.Backbone()
    backbone.efficientnet.version = version
    settings = base_hyperparams("efficientnet", keras_twin=True)
    backbone.efficientnet.conv_hyperparams.CopyFrom(settings)
    return backbone, _bifpn(message.bifpn, SIZES[version], message.min_depth)


def _bifpn(message, sizes, min_depth):
    passes, depth = sizes
    if message.HasField("num_iterations"):
        passes = message.num_iterations
    if message.HasField("num_filters"):
        depth = message.num_filters
    neck = neck_pb2.Neck()
    neck.bifpn.min_level = message.min_level
    neck.bifpn.max_level = message.max_level
    neck.bifpn.num_iterations = passes
    neck.bifpn.depth = max(depth, min_depth)
    neck.bifpn.combine_method = message.combine_method
    return neck


BUILT = {
    f"ssd_efficientnet-b{n}_bifpn_keras": functools.partial(
        efficientnet_bifpn, version=n
    )
    for n in range(len(SIZES))
}
