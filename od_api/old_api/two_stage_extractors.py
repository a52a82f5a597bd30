"""The old API's `type` strings of Faster R-CNN feature extractors, as typed messages.

    feature_extractor { type: "faster_rcnn_resnet101" first_stage_features_stride: 8 }

means a `resnet` backbone that is cut after conv4, at stride 8. With "_fpn" it is a
whole backbone and an `fpn` neck. TensorFlow 1 names mean the same as those that end
with "_keras", but for the second stages of two: the Keras ResNet halved its crops (here
second_stage_stride: 2), and the Keras Inception-ResNet v2 padded them.
"""

import difflib
import functools

from od_api.core.errors import ConfigError
from od_api.core.warn_once import warn_once
from od_api.old_api.feature_extractor_defaults import (
    apply_old_settings,
    base_hyperparams,
    everything_explicit,
)
from od_api.protos import backbone_pb2, neck_pb2

# Fields of FasterRcnnFeatureExtractor that go with typed parts.
COMMON_FIELDS = (
    "backbone",
    "neck",
    "batch_norm_trainable",
    "conv_hyperparams",
    "pad_to_multiple",
)

_OF_PYRAMIDS = "it is for feature pyramids, and the network makes one map"

# A two-stage pyramid is finer than SSD's, unless an fpn message says otherwise.
LEVELS_WITHOUT_FPN_MESSAGE = (2, 6)


def typed_parts(extractor):
    """The backbone and the neck that a FasterRcnnFeatureExtractor describes.

    Args:
      extractor: a FasterRcnnFeatureExtractor message.

    Returns:
      (Backbone, Neck or None).

    Raises:
      ConfigError: an unknown type, or settings that exclude each other.
    """
    if extractor.HasField("backbone"):
        return _given_parts(extractor)
    if extractor.HasField("neck"):
        raise ConfigError(
            "stands without backbone, and a type brings its own neck: set backbone in "
            "place of type, or choose a type with _fpn in its name",
            "neck",
        )
    if extractor.first_stage_features_stride not in (8, 16):
        raise ConfigError("must be 8 or 16", "first_stage_features_stride")
    make = BUILT.get(extractor.type)
    if make is None:
        raise ConfigError(_unknown_type(extractor.type), "type")
    if extractor.HasField("fpn") and "_fpn" not in extractor.type:
        raise ConfigError(
            f"does not belong to type {extractor.type!r}; remove it, or choose a type "
            "with _fpn in its name",
            "fpn",
        )
    backbone, neck = make(extractor)
    apply_old_settings(extractor, backbone)
    return backbone, neck


def _given_parts(extractor):
    for field, _ in extractor.ListFields():
        if field.name not in COMMON_FIELDS:
            raise ConfigError(
                "cannot be set together with backbone, which has fields of its own for "
                "it",
                field.name,
            )
    backbone = backbone_pb2.Backbone()
    backbone.CopyFrom(extractor.backbone)
    neck = extractor.neck if extractor.HasField("neck") else None
    name = backbone.WhichOneof("backbone_oneof")
    if name is None:
        raise ConfigError("is empty", "backbone")
    if neck is None:
        _log_without_effect(extractor, "pad_to_multiple", _OF_PYRAMIDS)
        if _cut_in_two(getattr(backbone, name)):
            for field in ("conv_hyperparams", "batch_norm_trainable"):
                _log_without_effect(extractor, field, _OF_PYRAMIDS)
    return backbone, neck


def _cut_in_two(part):
    """Whether a network is cut: unless its message says no, or does not know how."""
    if "second_stage" not in part.DESCRIPTOR.fields_by_name:
        return False
    if not part.HasField("second_stage"):
        # A neck has the whole network below it, and nothing else has.
        part.second_stage = True
    return part.second_stage


def _cut(extractor, name, stride=None, **settings):
    """A network whose last stage is the second stage of the detector."""
    if stride is None and extractor.first_stage_features_stride != 16:
        raise ConfigError(
            f"is 8, and type {extractor.type!r} has only 16",
            "first_stage_features_stride",
        )
    backbone = backbone_pb2.Backbone()
    part = getattr(backbone, name)
    part.second_stage = True
    if stride is not None:
        part.output_stride = stride
    for field, value in settings.items():
        setattr(part, field, value)
    _common(extractor, part, name)
    _log_without_effect(extractor, "pad_to_multiple", _OF_PYRAMIDS)
    if not extractor.override_base_feature_extractor_hyperparams:
        reason = "override_base_feature_extractor_hyperparams is not set"
        _log_without_effect(extractor, "conv_hyperparams", reason)
    return backbone, None


def _log_without_effect(extractor, field, reason):
    if extractor.HasField(field):
        warn_once(f"feature_extractor.{field} has no effect: {reason}")


def _common(extractor, part, name):
    if "freeze_batch_norm" in part.DESCRIPTOR.fields_by_name:
        part.freeze_batch_norm = not extractor.batch_norm_trainable
    if extractor.override_base_feature_extractor_hyperparams:
        part.conv_hyperparams.CopyFrom(everything_explicit(extractor.conv_hyperparams))
    elif name == "resnet":
        part.conv_hyperparams.CopyFrom(base_hyperparams("resnet", keras_twin=True))
        if "_fpn" not in extractor.type:
            # Faster R-CNN's ResNets were regularised below a pyramid only.
            part.conv_hyperparams.ClearField("regularizer")


def _resnet(extractor, depth):
    stride = extractor.first_stage_features_stride
    return _cut(
        extractor,
        "resnet",
        stride=stride,
        depth=depth,
        second_stage_stride=2 if _is_keras(extractor) else 1,
    )


def _inception_resnet_v2(extractor):
    stride = extractor.first_stage_features_stride
    return _cut(
        extractor,
        "inception_resnet_v2",
        stride=stride,
        second_stage_same_padding=_is_keras(extractor),
    )


def _is_keras(extractor):
    """Whether the type is one of the old API under TensorFlow 2."""
    return extractor.type.endswith("_keras")


def _resnet_fpn(extractor, depth):
    backbone = backbone_pb2.Backbone()
    backbone.resnet.depth = depth
    _common(extractor, backbone.resnet, "resnet")
    neck = neck_pb2.Neck()
    neck.fpn.min_level, neck.fpn.max_level = LEVELS_WITHOUT_FPN_MESSAGE
    if extractor.HasField("fpn"):
        neck.fpn.min_level = extractor.fpn.min_level
        neck.fpn.max_level = extractor.fpn.max_level
        neck.fpn.unsmoothed_sums = extractor.fpn.unsmoothed_sums
    neck.fpn.depth = extractor.fpn.additional_layer_depth
    neck.fpn.freeze_batch_norm = not extractor.batch_norm_trainable
    if extractor.HasField("conv_hyperparams"):
        neck.fpn.conv_hyperparams.CopyFrom(extractor.conv_hyperparams)
    return backbone, neck


def _unknown_type(name):
    if not name:
        return f"is not set; set one of {', '.join(BUILT)}, or backbone"
    if name.startswith("ssd_"):
        return f"{name!r} is an extractor of SSD and not of Faster R-CNN"
    near = difflib.get_close_matches(name, BUILT, n=3) or BUILT
    return f"{name!r} is unknown; did you mean {' or '.join(near)}?"


def _with_twins(makers):
    return {name + end: make for name, make in makers.items() for end in ("", "_keras")}


_DEPTHS = (50, 101, 152)

# Every type that can be built, with the function that makes its typed parts.
_WITH_TWINS = _with_twins(
    {
        "faster_rcnn_vgg16": functools.partial(_cut, name="vgg16"),
        "faster_rcnn_mobilenet_v1": functools.partial(_cut, name="mobilenet_v1"),
        "faster_rcnn_inception_v2": functools.partial(_cut, name="inception_v2"),
        "faster_rcnn_inception_v3": functools.partial(_cut, name="inception_v3"),
        "faster_rcnn_inception_resnet_v2": _inception_resnet_v2,
    }
    | {f"faster_rcnn_resnet{d}": functools.partial(_resnet, depth=d) for d in _DEPTHS}
    | {
        f"faster_rcnn_resnet{d}_fpn": functools.partial(_resnet_fpn, depth=d)
        for d in _DEPTHS
    }
)
BUILT = _WITH_TWINS | {
    # Under TensorFlow 1 alone.
    "faster_rcnn_nas": functools.partial(_cut, name="nasnet"),
    "faster_rcnn_pnas": functools.partial(_cut, name="pnasnet"),
}
