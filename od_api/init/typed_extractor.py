"""The feature extractor of a config as typed parts, which have more settings."""

from od_api.old_api import feature_extractor_aliases, two_stage_extractors


def typed_backbone(model):
    """The Backbone message of a detector's message."""
    return _parts(model)[0]


def type_extractor(model, *, depth_multiplier=None, freeze=True):
    """Writes out what the extractor's `type` stands for; changes the message.

    Args:
      model: an Ssd or a FasterRcnn message.
      depth_multiplier: of the backbone and of maps that follow it; None leaves it.
      freeze: the backbone's batch norm keeps what its weights came with. A few images
        a batch are too few for statistics of their own.
    """
    extractor = model.feature_extractor
    known = extractor.DESCRIPTOR.fields_by_name
    if depth_multiplier is not None and "depth_multiplier" in known:
        extractor.depth_multiplier = depth_multiplier
    backbone, neck = _parts(model)
    part = getattr(backbone, backbone.WhichOneof("backbone_oneof"))
    if depth_multiplier is not None:
        part.depth_multiplier = depth_multiplier
    if "freeze_batch_norm" in part.DESCRIPTOR.fields_by_name:  # VGG has no batch norm
        part.freeze_batch_norm = freeze
    kept = type(extractor)()
    for name in ("pad_to_multiple", "batch_norm_trainable", "conv_hyperparams"):
        if name in known and extractor.HasField(name) and _stays(name, model, neck):
            _copy(extractor, kept, name)
    kept.backbone.CopyFrom(backbone)
    if neck is not None:
        kept.neck.CopyFrom(neck)
    extractor.CopyFrom(kept)


def _parts(model):
    if model.DESCRIPTOR.name == "Ssd":
        return feature_extractor_aliases.typed_parts(model.feature_extractor)
    return two_stage_extractors.typed_parts(model.feature_extractor)


def _stays(name, model, neck):
    """Whether a field of the extractor goes with typed parts."""
    if model.DESCRIPTOR.name == "Ssd":
        return name == "pad_to_multiple"
    return neck is not None or name == "pad_to_multiple"


def _copy(source, target, name):
    value = getattr(source, name)
    if hasattr(value, "CopyFrom"):
        getattr(target, name).CopyFrom(value)
    else:
        setattr(target, name, value)


def set_batch_norm_decay(message, decay):
    """Sets the decay of all batch norm below a message."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        repeated = not hasattr(value, "ListFields")
        for part in value if repeated else (value,):
            if field.message_type.name == "BatchNorm":
                part.decay = decay
            else:
                set_batch_norm_decay(part, decay)
