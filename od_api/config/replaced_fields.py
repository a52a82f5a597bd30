"""Fields that take the place of older ones, where configs are laid over each other."""

# {(message, field): the older fields, seen from the message}. Both of them in one file
# are refused where the part is built.
_TAKES_THE_PLACE_OF = {
    ("PostProcessing", "suppression"): (
        "batch_non_max_suppression.iou_threshold",
        "batch_non_max_suppression.soft_nms_sigma",
        "batch_non_max_suppression.use_hard_nms",
    ),
    ("SsdAnchorGenerator", "layers"): ("aspect_ratios",),
    ("FasterRcnn", "first_stage_suppression"): ("first_stage_nms_iou_threshold",),
    ("FasterRcnnFeatureExtractor", "backbone"): (
        "type",
        "first_stage_features_stride",
        "override_base_feature_extractor_hyperparams",
        "fpn",
    ),
}


def clear_replaced(message, field_name):
    """Clears in `message` what a field takes the place of that is laid over it."""
    for path in _TAKES_THE_PLACE_OF.get((message.DESCRIPTOR.name, field_name), ()):
        *outer, name = path.split(".")
        holder = message
        for step in outer:
            # A message that was only read would be there afterwards.
            if not holder.HasField(step):
                break
            holder = getattr(holder, step)
        else:
            holder.ClearField(name)
