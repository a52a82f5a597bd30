"""Whole SSD models of the old API with seeded weights: raw outputs, losses, detections.

Run through `make_golden.py`. `models` returns {case: {field: array}}.

Weights are `golden_inputs.weight(name, shape)` of the variable's name in the old API;
the names, shapes and checkpoint paths are stored. Two images,
`golden_inputs.image(40 + i, side, side)`, with the ground truth of `TRUTH`.
"""

import golden_inputs
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from object_detection.builders import model_builder
from object_detection.protos import model_pb2

# Of image 0 and 1: normalised boxes and 0-based classes.
TRUTH = (
    (
        [[0.1, 0.15, 0.45, 0.4], [0.3, 0.5, 0.9, 0.95], [0.55, 0.1, 0.7, 0.25]],
        [0, 2, 1],
    ),
    ([[0.2, 0.2, 0.8, 0.7]], [1]),
)

HYPERPARAMS = """conv_hyperparams {
      activation: RELU_6
      regularizer { l2_regularizer { weight: 0.00004 } }
      initializer { truncated_normal_initializer { stddev: 0.03 } }
      batch_norm { decay: 0.97 epsilon: 0.001 scale: true }
    }"""

COMMON = """
  box_coder { faster_rcnn_box_coder { } }
  similarity_calculator { iou_similarity { } }
  encode_background_as_zeros: true
  normalize_loss_by_num_matches: true
  post_processing {
    batch_non_max_suppression {
      score_threshold: 0.0001 iou_threshold: 0.6
      max_detections_per_class: 20 max_total_detections: 40
    }
    score_converter: SIGMOID
  }
"""

SSD = """ssd {
  num_classes: 3
  image_resizer { fixed_shape_resizer { height: 300 width: 300 } }
  feature_extractor {
    type: "TYPE" depth_multiplier: MULTIPLIER min_depth: MIN_DEPTH
    HYPERPARAMS
    override_base_feature_extractor_hyperparams: true
  }
  box_predictor { convolutional_box_predictor {
    min_depth: 0 max_depth: 0 num_layers_before_predictor: 0
    use_dropout: false kernel_size: 1 box_code_size: 4
    apply_sigmoid_to_scores: false
    HYPERPARAMS
  } }
  anchor_generator { ssd_anchor_generator {
    num_layers: 6 min_scale: 0.2 max_scale: 0.95
    aspect_ratios: [1.0, 2.0, 0.5, 3.0, 0.3333]
  } }
  matcher { argmax_matcher {
    matched_threshold: 0.5 unmatched_threshold: 0.5 force_match_for_each_row: true
  } }
  loss {
    classification_loss { weighted_sigmoid { } }
    localization_loss { weighted_smooth_l1 { } }
    hard_example_miner {
      num_hard_examples: 3000 iou_threshold: 0.99 loss_type: CLASSIFICATION
      max_negatives_per_positive: 3
    }
    classification_weight: 1.0 localization_weight: 1.0
  }
  COMMON
}"""

FPN = """ssd {
  num_classes: 3
  image_resizer { fixed_shape_resizer { height: SIDE width: SIDE } }
  feature_extractor {
    type: "TYPE" depth_multiplier: MULTIPLIER min_depth: MIN_DEPTH
    use_depthwise: DEPTHWISE
    fpn { min_level: 3 max_level: 7 additional_layer_depth: FPN_DEPTH }
    HYPERPARAMS
    override_base_feature_extractor_hyperparams: true
  }
  box_predictor { weight_shared_convolutional_box_predictor {
    depth: 32 num_layers_before_predictor: 2 kernel_size: 3 use_depthwise: DEPTHWISE
    share_prediction_tower: SHARE class_prediction_bias_init: -4.6
    HYPERPARAMS
  } }
  anchor_generator { multiscale_anchor_generator {
    min_level: 3 max_level: 7 anchor_scale: 4.0
    aspect_ratios: [1.0, 2.0, 0.5] scales_per_octave: 2
  } }
  matcher { argmax_matcher {
    matched_threshold: 0.5 unmatched_threshold: 0.5 force_match_for_each_row: true
  } }
  loss {
    classification_loss { weighted_sigmoid_focal { gamma: 2.0 alpha: 0.25 } }
    localization_loss { weighted_smooth_l1 { } }
    classification_weight: 1.0 localization_weight: 1.0
  }
  normalize_loc_loss_by_codesize: true
  COMMON
}"""


def filled(template, **values):
    """The template with HYPERPARAMS, COMMON and the given CAPITALS replaced."""
    for name, value in {**values, "hyperparams": HYPERPARAMS, "common": COMMON}.items():
        template = template.replace(name.upper(), str(value))
    return template


# name: (config, stride of the anchors whose raw output is stored).
# Settings where the old API had defects are avoided: its MobileNet v1 multiplied its
# depths twice, its MobileNet v2 lost residuals where min_depth widened a layer, and its
# ResNet took no additional_layer_depth.
MODELS = {
    "ssd_mobilenet_v1": (
        filled(SSD, type="ssd_mobilenet_v1_keras", multiplier=1.0, min_depth=16),
        37,
    ),
    "ssd_mobilenet_v2": (
        filled(SSD, type="ssd_mobilenet_v2_keras", multiplier=0.25, min_depth=8),
        47,
    ),
    "ssd_mobilenet_v2_fpnlite": (
        filled(
            FPN,
            type="ssd_mobilenet_v2_fpn_keras",
            side=320,
            multiplier=0.25,
            min_depth=8,
            depthwise="true",
            share="true",
            fpn_depth=128,
        ),
        211,
    ),
    "ssd_mobilenet_v1_fpn": (
        filled(
            FPN,
            type="ssd_mobilenet_v1_fpn_keras",
            side=192,
            multiplier=1.0,
            min_depth=16,
            depthwise="false",
            share="false",
            fpn_depth=32,
        ),
        37,
    ),
    "ssd_resnet50_v1_fpn": (
        filled(
            FPN,
            type="ssd_resnet50_v1_fpn_keras",
            side=160,
            multiplier=1.0,
            min_depth=16,
            depthwise="false",
            share="false",
            fpn_depth=256,
        ),
        61,
    ),
}


def models():
    return {name: model_case(*given) for name, given in MODELS.items()}


def model_case(text, every):
    config = text_format.Parse(text, model_pb2.DetectionModel())
    side = config.ssd.image_resizer.fixed_shape_resizer.height
    images = np.stack([golden_inputs.image(40 + i, side, side) for i in range(2)])
    case = {"config": text, "every": every}
    for mode in ("inference", "training"):
        training = mode == "training"
        tf.keras.backend.clear_session()
        tf.keras.backend.set_learning_phase(training)
        model = model_builder.build(config, is_training=training)
        inputs, shapes = model.preprocess(tf.constant(images))
        model.predict(inputs, shapes)
        set_weights(model)
        case |= {f"{mode}_{k}": v for k, v in run(model, inputs, shapes, every).items()}
        if not training:
            found = detections(model, inputs, shapes)
            case |= {f"detection_{k}": v for k, v in found.items()}
    return case | variable_table(model)


def set_weights(model):
    names = [variable.name for variable in model.variables]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"not unique: {sorted(twice)}")
    for variable in model.variables:
        variable.assign(golden_inputs.weight(variable.name, tuple(variable.shape)))


def run(model, inputs, shapes, every):
    boxes, classes = zip(*TRUTH, strict=True)
    model.provide_groundtruth(
        groundtruth_boxes_list=[tf.constant(one) for one in boxes],
        groundtruth_classes_list=[tf.one_hot(one, 3) for one in classes],
    )
    with tf.GradientTape() as tape:
        raw = model.predict(inputs, shapes)
        losses = model.loss(raw, shapes)
        regularization = tf.add_n(model.regularization_losses())
        total = sum(losses.values()) + regularization
    logits = raw["class_predictions_with_background"].numpy()
    codes = raw["box_encodings"].numpy().reshape(2, -1, 4)
    return {
        "codes": codes[:, ::every],
        "logits": logits[:, ::every],
        "codes_sums": np.abs(codes).sum((1, 2)),
        "logits_sums": np.abs(logits).sum((1, 2)),
        "anchor_count": codes.shape[1],
        "localization_loss": losses["Loss/localization_loss"].numpy(),
        "classification_loss": losses["Loss/classification_loss"].numpy(),
        "regularization_loss": regularization.numpy(),
        "gradient_norms": gradient_norms(tape, total, model.variables),
    }


def gradient_norms(tape, total, variables):
    """One number a variable; 0 for those that are not trained."""
    gradients = tape.gradient(total, variables, unconnected_gradients="zero")
    return np.float32([np.linalg.norm(gradient.numpy()) for gradient in gradients])


def detections(model, inputs, shapes):
    found = model.postprocess(model.predict(inputs, shapes), shapes)
    found = {name: value.numpy() for name, value in found.items()}
    return {
        "boxes": found["detection_boxes"],
        "scores": found["detection_scores"],
        "classes": found["detection_classes"].astype(np.int32),
        "count": found["num_detections"].astype(np.int32),
        "anchors": found["detection_anchor_indices"].astype(np.int32),
    }


def variable_table(model):
    """Names, shapes and checkpoint paths, in the order of `gradient_norms`."""
    paths = {}
    children = [("", model)]
    seen = set()
    while children:
        path, node = children.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, tf.Variable):
            paths[node.ref()] = path
            continue
        for name, child in sorted(node._trackable_children().items()):
            children.append((f"{path}/{name}".lstrip("/"), child))
    return {
        "variable_names": [v.name for v in model.variables],
        "variable_shapes": ["x".join(map(str, v.shape)) for v in model.variables],
        "variable_paths": [paths.get(v.ref(), "") for v in model.variables],
        "variable_trainable": [v.trainable for v in model.variables],
    }
