"""Names of TensorFlow 1: layers of the old API's slim networks, as patterns.

A row is (unit of ours, pattern of the old scope); a function instead of a pattern gets
the match and the Layout. A pattern matches the end of a scope, or all of it where it
begins with "^". Batch norm is in `<scope>/BatchNorm`.
"""

import re

from od_api.checkpoints.importing.inception_resnet_names import SLIM_CONVOLUTIONS

LEAVES = {
    "kernel": ("weights", "depthwise_weights"),
    "depthwise_kernel": ("depthwise_weights",),
    "pointwise_kernel": ("pointwise_weights",),
    "bias": ("biases",),
}

_SHARED = "WeightSharedConvolutionalBoxPredictor"
_TOWERS = {
    "box_tower": f"{_SHARED}/BoxPredictionTower",
    "class_tower": f"{_SHARED}/ClassPredictionTower",
    "tower": f"{_SHARED}/PredictionTower",
}
_PREDICTORS = {"box": "BoxEncodingPredictor", "class": "ClassPredictor"}


def _resnet(match, layout):
    part = "shortcut" if match[3] == "0" else f"conv{match[3]}"
    return f"block{int(match[1]) - 1}/unit_{match[2]}/bottleneck_v1/{part}"


def _inception(match, layout):
    scope = match[1].replace("_Branch_", "/Branch_")
    return re.sub(r"(Branch_\d)_", r"\1/", scope)


def _extra_map(match, layout):
    level, step = match[1], match[2]
    index = layout.levels.index(level) if level in layout.levels else int(level[1:]) + 1
    if step == "reduce":
        return rf"[^/]+_1_Conv2d_{index}_1x1_\d+"
    end = "_depthwise" if step == "halve_depthwise" else ""
    return rf"[^/]+_2_Conv2d_{index}_\dx\d_s2_\d+{end}"


def _coarse(match, layout):
    """Levels above the stages: named by block of a ResNet, or layer of a MobileNet."""
    above = int(match[1]) - layout.top
    names = f"block{int(match[1]) - 1}|Conv2d_({13 + above}|{19 + above})"
    return f"bottom_up_({names})"


def _of_level(match, layout, rest):
    count = len(layout.levels)
    prefix = f"BoxPredictor_{layout.levels.index(match[2])}/" if count > 1 else ""
    return prefix + rest


def _prediction(match, layout):
    end = "_depthwise" if match[3] else ""
    return _of_level(match, layout, _PREDICTORS[match[1]] + end)


def _before_prediction(match, layout):
    return _of_level(match, layout, rf"Conv2d_{match[3]}_1x1_\d+")


def _tower_norm(match, layout):
    feature = layout.levels.index(match[2])
    return f"{_TOWERS[match[1]]}/conv2d_{match[3]}/BatchNorm/feature_{feature}"


def _projection(match, layout):
    return f"{_SHARED}/ProjectionLayer/conv2d_{layout.levels.index(match[1])}"


def _mask_conv(match, layout):
    index = layout.mask_convs.index(match[1])
    return f"SecondStageBoxPredictor/Conv{f'_{index}' if index else ''}"


ROWS = (
    (r"backbone/mobilenet_v1/conv1", "MobilenetV1/Conv2d_0"),
    (r"backbone/mobilenet_v1/conv_dw_(\d+)", r"Conv2d_\1_depthwise"),
    (r"backbone/mobilenet_v1/conv_pw_(\d+)", r"Conv2d_\1_pointwise"),
    (r"backbone/mobilenet_v2/Conv1", "MobilenetV2/Conv"),
    (r"backbone/mobilenet_v2/Conv_1", "MobilenetV2/Conv_1"),
    (r"backbone/mobilenet_v2/expanded_conv_(\w+)", r"expanded_conv/\1"),
    (r"backbone/mobilenet_v2/block_(\d+)_(\w+)", r"expanded_conv_\1/\2"),
    (r"backbone/resnet\d+/conv1", r"resnet_v1_\\d+/conv1"),
    (r"backbone/resnet\d+/conv(\d)_block(\d+)_(\d)", _resnet),
    (r"backbone/inception_v2/(.+)", _inception),
    (
        r"backbone/inception_resnet_v2/(.+)",
        lambda match, layout: SLIM_CONVOLUTIONS[match[1]],
    ),
    (r"neck/ssd_feature_maps/(E\d+)/(reduce|halve|halve_depthwise)", _extra_map),
    (
        r"neck/fpn/lateral_P(\d+)",
        lambda match, layout: f"projection_{int(match[1]) - layout.lowest + 1}",
    ),
    (
        r"neck/fpn/smooth_P(\d+)",
        lambda match, layout: f"smoothing_{int(match[1]) - layout.lowest + 1}",
    ),
    (r"neck/fpn/coarse_P(\d+)", _coarse),
    (
        r"head/convolutional_box_predictor/(box|class)_([^/]+?)(/depthwise)?",
        _prediction,
    ),
    (
        r"head/convolutional_box_predictor/(shared)_([^/]+)/conv(\d+)",
        _before_prediction,
    ),
    (
        r"head/weight_shared_convolutional_box_predictor/(box|class)",
        lambda match, layout: (
            f"{_SHARED}/" + {"box": "BoxPredictor", "class": "ClassPredictor"}[match[1]]
        ),
    ),
    (
        r"head/weight_shared_convolutional_box_predictor/(\w*tower)_conv(\d+)",
        lambda match, layout: f"{_TOWERS[match[1]]}/conv2d_{match[2]}",
    ),
    (
        r"head/weight_shared_convolutional_box_predictor/(\w*tower)_([^/]+)/norm(\d+)",
        _tower_norm,
    ),
    (
        r"head/weight_shared_convolutional_box_predictor/projection_([^/]+)",
        _projection,
    ),
    (r"rpn/region_proposal_predictor/shared", "^Conv"),
    (
        r"rpn/region_proposal_predictor/box",
        "FirstStageBoxPredictor/BoxEncodingPredictor",
    ),
    (r"rpn/region_proposal_predictor/class", "FirstStageBoxPredictor/ClassPredictor"),
    (
        r"head/mask_rcnn_box_predictor/(box|class)/dense",
        lambda match, layout: f"SecondStageBoxPredictor/{_PREDICTORS[match[1]]}",
    ),
    (r"head/mask_rcnn_box_predictor/mask/convs/(.+)", _mask_conv),
    (r"head/rfcn_box_predictor/reduce_depth", "SecondStageBoxPredictor/reduce_depth"),
    (r"head/rfcn_box_predictor/box", "SecondStageBoxPredictor/refined_locations"),
    (r"head/rfcn_box_predictor/class", "SecondStageBoxPredictor/class_predictions"),
)


def norm_scope(scope):
    """Where the batch norm of a scope is."""
    return scope if "/BatchNorm/feature_" in scope else f"{scope}/BatchNorm"
