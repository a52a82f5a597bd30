"""Which field of a config is likely to be wrong where a tensor's shape is."""

import re

_FIELDS = (
    (r"backbone/mobilenet_v1/", "depth_multiplier, min_depth or old_depth_multiplier"),
    (r"backbone/", "feature_extractor's type, depth_multiplier or min_depth"),
    (r"neck/fpn/", "fpn.additional_layer_depth (fpn.depth) or depth_multiplier"),
    (r"neck/", "the feature extractor's type, depth_multiplier or use_depthwise"),
    (
        r"rpn/.*/(box|class)(_[^/]+)?/",
        "the aspect_ratios or scales of first_stage_anchor_generator",
    ),
    (r"rpn/", "first_stage_box_predictor_depth or _kernel_size"),
    (r"regions/", "initial_crop_size, maxpool_kernel_size or additional_layer_depth"),
    (r"head/.*/mask/", "num_classes, mask_prediction_conv_depth or _num_conv_layers"),
    (r"head/.*/?class(_[^/]+)?/", "num_classes, or the aspect_ratios of the anchors"),
    (
        r"head/.*/?box(_[^/]+)?/",
        "the aspect_ratios or scales of the anchors, box_code_size, or "
        "share_box_across_classes",
    ),
    (r"head/", "the box predictor's depth, kernel_size or use_depthwise"),
)


def likely_field(name):
    """What to look at where the variable of this name does not fit; may be empty."""
    return next((words for part, words in _FIELDS if re.match(part, name)), "")
