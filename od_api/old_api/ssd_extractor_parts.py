"""Parts that several `type` strings of SSD share: appended maps, pyramids, settings."""

from od_api.old_api.feature_extractor_defaults import (
    base_hyperparams,
    everything_explicit,
)
from od_api.protos import neck_pb2


def ssd_maps(message, levels, depths=(512, 256, 256, 128)):
    """The neck of plain SSD: these stages, then maps of these depths.

    `num_layers` cuts the list; not set, it means all of them.
    """
    count = len(levels) + len(depths)
    if message.HasField("num_layers"):
        count = message.num_layers
    neck = neck_pb2.Neck()
    maps = neck.ssd_feature_maps
    maps.levels.extend(levels[:count])
    maps.extra_depths.extend(depths[: max(count - len(levels), 0)])
    maps.depth_multiplier = message.depth_multiplier
    maps.min_depth = message.min_depth
    maps.use_depthwise = message.use_depthwise
    maps.use_explicit_padding = message.use_explicit_padding
    return neck


def fpn(message, resnet=False):
    """The neck of the types whose name ends with fpn."""
    depth = int(message.fpn.additional_layer_depth * message.depth_multiplier)
    neck = neck_pb2.Neck()
    neck.fpn.min_level = message.fpn.min_level
    neck.fpn.max_level = message.fpn.max_level
    neck.fpn.depth = max(depth, message.min_depth)
    neck.fpn.unsmoothed_sums = message.fpn.unsmoothed_sums
    neck.fpn.use_depthwise = message.use_depthwise and not resnet
    neck.fpn.use_explicit_padding = message.use_explicit_padding and not resnet
    return neck


def base(message, part, family):
    """Fills in what every backbone has in common."""
    set_depth(message, part)
    if message.override_base_feature_extractor_hyperparams:
        part.conv_hyperparams.CopyFrom(everything_explicit(message.conv_hyperparams))
    else:
        keras_twin = message.type.endswith("_keras")
        part.conv_hyperparams.CopyFrom(base_hyperparams(family, keras_twin))


def mobilenet(message, part):
    """Fills in what MobileNets have in common."""
    base(message, part, "mobilenet")
    if message.use_explicit_padding:
        part.use_explicit_padding = True


def set_depth(message, part):
    """Fills in the multiplier of the depths."""
    part.depth_multiplier = message.depth_multiplier
    part.min_depth = message.min_depth
