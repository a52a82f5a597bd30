"""What each `type` string of an SSD feature extractor stands for.

The old API had these levels, depths and settings in its code. Those of the study's
models are from Huang et al. (CVPR 2017).
"""

import functools

from od_api.core.errors import ConfigError
from od_api.old_api import efficientdet_types, ssd_mobile_types
from od_api.old_api.feature_extractor_defaults import (
    everything_explicit,
    mobilenet_v2_last_depth,
)
from od_api.old_api.ssd_extractor_parts import (
    base,
    fpn,
    mobilenet,
    set_depth,
    ssd_maps,
)
from od_api.protos import backbone_pb2, neck_pb2


def _mobilenet_v1(message):
    backbone = backbone_pb2.Backbone()
    mobilenet(message, backbone.mobilenet_v1)
    return backbone, ssd_maps(message, ["C4", "C5"])


def _mobilenet_v1_fpn(message):
    backbone = backbone_pb2.Backbone()
    mobilenet(message, backbone.mobilenet_v1)
    if message.use_depthwise:
        backbone.mobilenet_v1.last_depths.extend([512, 256])
    return backbone, fpn(message)


def _mobilenet_v2(message):
    backbone = backbone_pb2.Backbone()
    mobilenet(message, backbone.mobilenet_v2)
    backbone.mobilenet_v2.last_depth = mobilenet_v2_last_depth(
        1280, message.depth_multiplier
    )
    return backbone, ssd_maps(message, ["C4_expanded", "C5"])


def _mobilenet_v2_fpn(message):
    backbone = backbone_pb2.Backbone()
    mobilenet(message, backbone.mobilenet_v2)
    # The old slim network narrowed its top for depthwise pyramids; its Keras twin meant
    # to and did not, and its checkpoints are as wide as that.
    narrow = message.use_depthwise and not message.type.endswith("_keras")
    backbone.mobilenet_v2.last_depth = mobilenet_v2_last_depth(
        256 if narrow else 1280, message.depth_multiplier
    )
    return backbone, fpn(message)


def _resnet_fpn(message, depth):
    backbone = backbone_pb2.Backbone()
    backbone.resnet.depth = depth
    base(message, backbone.resnet, "resnet")
    return backbone, fpn(message, resnet=True)


def _resnet(message, depth):
    """The study's SSD: the last map of conv4, and five of its own."""
    backbone = backbone_pb2.Backbone()
    backbone.resnet.depth = depth
    backbone.resnet.last_stage = "C4"
    base(message, backbone.resnet, "resnet")
    return backbone, ssd_maps(message, ["C4"], [512, 512, 256, 256, 128])


def _resnet_ppn(message, depth):
    """Maxima of conv4's last map, whose old code took no depth_multiplier but 1."""
    _check_one_width(message)
    backbone = backbone_pb2.Backbone()
    backbone.resnet.depth = depth
    backbone.resnet.last_stage = "C4"
    base(message, backbone.resnet, "resnet")
    neck = neck_pb2.Neck()
    neck.pooling_pyramid.level = "C4"
    neck.pooling_pyramid.num_layers = 6
    return backbone, neck


def _pnasnet(message):
    """Maps of the last cells of stride 16 and 32; the network came in one size."""
    _check_one_width(message)
    backbone = backbone_pb2.Backbone()
    backbone.pnasnet.SetInParent()
    if message.override_base_feature_extractor_hyperparams:
        settings = everything_explicit(message.conv_hyperparams)
        backbone.pnasnet.conv_hyperparams.CopyFrom(settings)
    return backbone, ssd_maps(message, ["C4", "C5"])


def _vgg16(message):
    """The study's SSD: conv4_3, whose vectors are normalised, and fc7."""
    backbone = backbone_pb2.Backbone()
    base(message, backbone.vgg16, "vgg")
    backbone.vgg16.fc_as_convolutions = True
    # Batch norm is for the maps that are appended; VGG has none.
    settings = backbone.vgg16.conv_hyperparams
    normalizer = settings.WhichOneof("normalizer_oneof")
    if normalizer is not None:
        settings.ClearField(normalizer)
    neck = ssd_maps(message, ["C3", "C4_fc7"], [512, 256, 256, 256, 256])
    neck.ssd_feature_maps.l2_normalized_levels.append("C3")
    return backbone, neck


def _inception(message, name, levels, depths):
    """Inception V2 and V3, whose base had no settings of its own.

    The old API refused them unless override_base_feature_extractor_hyperparams was
    set: here the base takes what `conv_hyperparams` has set either way.
    """
    backbone = backbone_pb2.Backbone()
    part = getattr(backbone, name)
    set_depth(message, part)
    if message.HasField("conv_hyperparams"):
        part.conv_hyperparams.CopyFrom(everything_explicit(message.conv_hyperparams))
    return backbone, ssd_maps(message, levels, depths)


def _inception_resnet_v2(message):
    """The study's SSD: Mixed_6a with its residual blocks, and Conv2d_7b."""
    backbone = backbone_pb2.Backbone()
    base(message, backbone.inception_resnet_v2, "inception")
    return backbone, ssd_maps(message, ["C4", "C5"], [512, 256, 128])


def _check_one_width(message):
    if message.depth_multiplier != 1:
        raise ConfigError(
            f"is {message.depth_multiplier:g}, and type {message.type!r} has only 1",
            "depth_multiplier",
        )


def _with_twins(makers):
    return {name + end: make for name, make in makers.items() for end in ("", "_keras")}


DEPTHS = (50, 101, 152)

OLD_API = {
    "ssd_mobilenet_v1": _mobilenet_v1,
    "ssd_mobilenet_v1_fpn": _mobilenet_v1_fpn,
    "ssd_mobilenet_v2": _mobilenet_v2,
    "ssd_mobilenet_v2_fpn": _mobilenet_v2_fpn,
    **{
        f"ssd_resnet{depth}_v1_fpn": functools.partial(_resnet_fpn, depth=depth)
        for depth in DEPTHS
    },
}

OLD_API_TENSORFLOW_1 = {
    "ssd_pnasnet": _pnasnet,
    **{
        f"ssd_resnet{depth}_v1_ppn": functools.partial(_resnet_ppn, depth=depth)
        for depth in DEPTHS
    },
    "ssd_inception_v2": functools.partial(
        _inception,
        name="inception_v2",
        levels=["C4_mixed_4c", "C5"],
        depths=[512, 256, 256, 128],
    ),
    "ssd_inception_v3": functools.partial(
        _inception,
        name="inception_v3",
        levels=["C3", "C4", "C5"],
        depths=[512, 256, 128],
    ),
}

# Names of the study's models that the old API did not have.
STUDY = {
    "ssd_vgg16": _vgg16,
    **{
        f"ssd_resnet{depth}_v1": functools.partial(_resnet, depth=depth)
        for depth in DEPTHS
    },
    "ssd_inception_resnet_v2": _inception_resnet_v2,
}

# Every type that can be built, with the function that makes its typed parts.
BUILT = (
    _with_twins(OLD_API)
    | efficientdet_types.BUILT
    | ssd_mobile_types.BUILT
    | OLD_API_TENSORFLOW_1
    | STUDY
)
