"""The old API's `type` strings of SSD feature extractors, as typed messages.

    feature_extractor { type: "ssd_mobilenet_v1_keras" depth_multiplier: 0.75 }

means a `mobilenet_v1` backbone and an `ssd_feature_maps` neck with the numbers that the
old extractor of that name had in its code. TensorFlow 1 names mean their Keras twins.
"""

import difflib

from od_api.core.errors import ConfigError
from od_api.core.warn_once import warn_once
from od_api.old_api.feature_extractor_defaults import apply_old_settings
from od_api.old_api.ssd_extractor_types import BUILT
from od_api.protos import backbone_pb2, neck_pb2

# Fields of SsdFeatureExtractor that go with typed parts; all others go with `type`.
COMMON_FIELDS = ("backbone", "neck", "pad_to_multiple")
# Its numbers were in the code.
_NOT_OF_SPAGHETTINET = (
    "depth_multiplier",
    "min_depth",
    "conv_hyperparams",
    "use_depthwise",
    "override_base_feature_extractor_hyperparams",
    "num_layers",
)


def typed_parts(feature_extractor):
    """The backbone and the neck that an SsdFeatureExtractor message describes.

    `pad_to_multiple` is left to the detector, which pads the images.

    Args:
      feature_extractor: an SsdFeatureExtractor message.

    Returns:
      A (Backbone, Neck) pair of messages; `backbone` and `neck` as they are where they
      are set, else what `type` stands for.

    Raises:
      ConfigError: an unknown type, or settings that exclude each other.
    """
    if feature_extractor.HasField("backbone") or feature_extractor.HasField("neck"):
        return _given_parts(feature_extractor)
    return _parts_of_type(feature_extractor)


def _given_parts(message):
    for field in ("backbone", "neck"):
        if not message.HasField(field):
            raise ConfigError("is not set; backbone and neck go together", field)
    for field, _ in message.ListFields():
        if field.name not in COMMON_FIELDS:
            raise ConfigError(
                "cannot be set together with backbone and neck, which have fields of "
                "their own for it",
                field.name,
            )
    backbone, neck = backbone_pb2.Backbone(), neck_pb2.Neck()
    backbone.CopyFrom(message.backbone)
    neck.CopyFrom(message.neck)
    return backbone, neck


def _member(slot, oneof):
    name = slot.WhichOneof(oneof)
    if name is None:
        raise ConfigError("is empty", oneof.removesuffix("_oneof"))
    return getattr(slot, name)


def _parts_of_type(message):
    make = BUILT.get(message.type)
    if make is None:
        raise ConfigError(_unknown_type(message.type), "type")
    if message.depth_multiplier <= 0:
        raise ConfigError("must be above 0", "depth_multiplier")
    _check_pyramid(message)
    _log_without_effect(message)
    backbone, neck = make(message)
    apply_old_settings(message, backbone)
    neck_part = _member(neck, "neck_oneof")
    if message.HasField("conv_hyperparams") and not _has_settings(neck_part):
        neck_part.conv_hyperparams.CopyFrom(message.conv_hyperparams)
    return backbone, neck


def _has_settings(part):
    """Whether a type's neck has settings of its own, which a config never changed."""
    return part.HasField("conv_hyperparams")


def _check_pyramid(message):
    pyramid = message.WhichOneof("feature_pyramid_oneof")
    kinds = ("fpn", "bifpn")
    wanted = next((kind for kind in kinds if f"_{kind}" in message.type), None)
    if message.type.endswith("_mnasfpn"):
        wanted = "fpn"
    if pyramid is not None and pyramid != wanted:
        raise ConfigError(
            f"does not belong to type {message.type!r}; remove it, or choose a type "
            f"with {pyramid} in its name",
            pyramid,
        )


def fields_without_effect(message):
    """Names of the set fields of an SsdFeatureExtractor that its type does not read."""
    fields = []
    pyramid = "_fpn" in message.type or "_ppn" in message.type
    if pyramid and message.type.startswith("ssd_resnet"):
        fields += ["use_depthwise", "use_explicit_padding"]
    if pyramid:
        fields += ["num_layers"]
    if message.type == "ssd_spaghettinet":
        fields += _NOT_OF_SPAGHETTINET
    else:
        fields += ["spaghettinet_arch_name"]
    return [f for f in fields if message.HasField(f) and getattr(message, f)]


def _log_without_effect(message):
    for field in fields_without_effect(message):
        warn_once(f"feature_extractor.{field} has no effect on type {message.type}")


def _unknown_type(name):
    if not name:
        return f"is not set; set one of {', '.join(BUILT)}, or backbone and neck"
    if name.startswith("faster_rcnn_"):
        return f"{name!r} is an extractor of Faster R-CNN and not of SSD"
    near = difflib.get_close_matches(name, BUILT, n=3) or BUILT
    return f"{name!r} is unknown; did you mean {' or '.join(near)}?"
