"""Names of TensorFlow 2: layers of the old API's Keras networks, as patterns.

Rows as in `slim_names.py`, but convolutions and their batch norm have scopes of their
own: a function gets the Unit as well and says which of the two it wants.
"""

import re

LEAVES = {"kernel": ("kernel", "depthwise_kernel")}

# The old API's layers that Keras counted up, of a network or of a pyramid's regions.
_COUNTED = re.compile(
    r"(conv2d|batch_normalization|freezable_batch_norm|dense)(?:_(\d+))?"
)
_TOWERS = {
    "box_tower": "BoxPredictionTower",
    "class_tower": "ClassPredictionTower",
    "tower": "PredictionTower",
}
_HEADS = {"box": "Box", "class": "Class"}
_PREDICTORS = {"box": "BoxEncodingPredictor", "class": "ClassPredictor"}


def _backbone(match, layout, unit):
    """Both sides keep the names of keras.applications."""
    return match[1].replace("batch_normalization", "freezable_batch_norm")


def _extra_map(match, layout, unit):
    """E1/reduce, E1/halve, ... were 1_Conv2d_2_1x1_*, 2_Conv2d_2_3x3_s2_*, ..."""
    level, step = match[1], match[2]
    index = layout.levels.index(level) if level in layout.levels else int(level[1:]) + 1
    name = rf"1_Conv2d_{index}_1x1_\d+"
    if step != "reduce":
        name = rf"2_Conv2d_{index}_\dx\d_s2_\d+"
    if step == "halve_depthwise":
        name += "_depthwise"
    return rf"[^/]*_{name}_{'batchnorm' if unit.is_norm else 'conv'}"


def _kind(unit):
    return "batchnorm" if unit.is_norm else "(depthwise_)?conv"


def _smooth(match, layout, unit):
    return f"smoothing_{int(match[1]) - layout.lowest + 1}_{_kind(unit)}"


def _coarse(match, layout, unit):
    """Levels above the stages: named by block of a ResNet, or layer of a MobileNet."""
    above = int(match[1]) - layout.top
    names = f"block{int(match[1]) - 1}|(Conv2d_)?({13 + above}|{19 + above})"
    return f"bottom_up_({names})_{_kind(unit)}"


def _prediction(match, layout, unit):
    kind, level, depthwise = match[1], match[2], match[3]
    end = "_depthwise" + ("_batchnorm" if unit.is_norm else "") if depthwise else ""
    head = f"Convolutional{_HEADS[kind]}Head_{layout.levels.index(level)}"
    return f"{head}/{_PREDICTORS[kind]}{end}"


def _proposal(match, layout, unit):
    """Of one map, or of all levels where ours share what the finest one had."""
    kind, level = match[1], match[2]
    index = layout.levels.index(level) if level else 0
    head = f"Convolutional{_HEADS[kind]}Head_{index}"
    return f"FirstStageBoxPredictor/{head}/{_PREDICTORS[kind]}"


def _before_prediction(match, layout, unit):
    index, layer = layout.levels.index(match[1]), match[2]
    end = "_norm" if unit.is_norm else ""
    return rf"SharedConvolutions_{index}/Conv2d_{layer}_1x1_\d+{end}"


def _tower_norm(match, layout, unit):
    feature = layout.levels.index(match[2])
    return f"{_TOWERS[match[1]]}/conv2d_{match[3]}/BatchNorm/feature_{feature}"


def _projection(match, layout, unit):
    end = "/BatchNorm" if unit.is_norm else ""
    return f"ProjectionLayer/conv2d_{layout.levels.index(match[1])}{end}"


def _plain(scope):
    return lambda match, layout, unit: match.expand(scope)


ROWS = (
    (r"backbone/[^/]+/(.+)", _backbone),
    (r"neck/ssd_feature_maps/(E\d+)/(reduce|halve|halve_depthwise)", _extra_map),
    (
        r"neck/fpn/lateral_P(\d+)",
        lambda match, layout, unit: f"projection_{int(match[1]) - layout.lowest + 1}",
    ),
    (r"neck/fpn/smooth_P(\d+)", _smooth),
    (r"neck/fpn/coarse_P(\d+)", _coarse),
    (
        r"head/convolutional_box_predictor/(box|class)_([^/]+?)(/depthwise)?",
        _prediction,
    ),
    (r"head/convolutional_box_predictor/shared_([^/]+)/conv(\d+)", _before_prediction),
    (
        r"head/weight_shared_convolutional_box_predictor/box",
        _plain("WeightSharedConvolutionalBoxHead/BoxPredictor"),
    ),
    (
        r"head/weight_shared_convolutional_box_predictor/class",
        _plain("WeightSharedConvolutionalClassHead/ClassPredictor"),
    ),
    (
        r"head/weight_shared_convolutional_box_predictor/(\w*tower)_conv(\d+)",
        lambda match, layout, unit: f"{_TOWERS[match[1]]}/conv2d_{match[2]}",
    ),
    (
        r"head/weight_shared_convolutional_box_predictor/(\w*tower)_([^/]+)/norm(\d+)",
        _tower_norm,
    ),
    (
        r"head/weight_shared_convolutional_box_predictor/projection_([^/]+)",
        _projection,
    ),
    (r"rpn/region_proposal_predictor/shared", _plain("RPNConv")),
    (r"rpn/region_proposal_predictor/(box|class)(?:_([^/]+))?", _proposal),
    # A pyramid's second stage has layers without names of their own.
    (r"regions/fully_connected_regions/first", _plain("^dense")),
    (r"regions/fully_connected_regions/second", _plain("^dense_1")),
    (r"regions/fully_connected_regions", _plain("^freezable_batch_norm")),
    (
        r"head/mask_rcnn_box_predictor/(box|class)/dense",
        lambda match, layout, unit: f"{_PREDICTORS[match[1]]}_dense",
    ),
    (
        r"head/mask_rcnn_box_predictor/mask/convs/conv(\d+)",
        lambda match, layout, unit: f"MaskPredictor_{_which(unit)}_{match[1]}",
    ),
    (
        r"head/mask_rcnn_box_predictor/mask/convs/upsample_conv",
        lambda match, layout, unit: f"MaskPredictor_upsample_{_which(unit)}",
    ),
    (
        r"head/mask_rcnn_box_predictor/mask/convs/last",
        _plain("MaskPredictor_last_conv2d"),
    ),
    (r"head/rfcn_box_predictor/reduce_depth", _plain("reduce_depth_conv")),
    (r"head/rfcn_box_predictor/box", _plain("refined_locations_conv")),
    (r"head/rfcn_box_predictor/class", _plain("class_predictions_conv")),
)


def _which(unit):
    return "batchnorm" if unit.is_norm else "conv2d"


def counted_anew(scopes):
    """{scope: the name that it would have had in a fresh process}.

    Keras counts layers without names up: conv2d_207 may be the fifth of a network.
    Layers of other networks of the same process came before or after all of one.
    """
    numbers = {}
    for scope in scopes:
        if match := _COUNTED.fullmatch(scope):
            numbers.setdefault(match[1], []).append((int(match[2] or 0), scope))
    return {
        scope: f"{stem}_{rank}" if rank else stem
        for stem, found in numbers.items()
        for rank, (_, scope) in enumerate(sorted(found))
    }
