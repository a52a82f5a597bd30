"""Whole two-stage models of the old API with seeded weights.

Run through `make_golden.py`. `two_stage` returns {case: {field: array}}: the raw
outputs of both stages, proposals, losses, gradient norms and detections.

Weights are `two_stage_weights.weight(name, shape)` of the variable's name in the old
API. Two images, `golden_inputs.image(60 + i, 128, 160)`, of which the second counts as
96 x 144 pixels, with the ground truth of `TRUTH`. Mini-batches are as large as there
are anchors or proposals, so that the samplers have nothing to choose.
"""

import collections

import golden_inputs
import numpy as np
import tensorflow as tf
import two_stage_weights
from google.protobuf import text_format
from object_detection.builders import model_builder
from object_detection.protos import model_pb2

SIZE = (128, 160)
TRUE_SHAPES = ((128, 160, 3), (96, 144, 3))
# Of image 0 and 1: boxes in parts of SIZE and 0-based classes.
TRUTH = (
    (
        [
            [0.1, 0.15, 0.45, 0.4],
            [0.3, 0.5, 0.9, 0.95],
            [0.5, 0.55, 0.7, 0.85],
            [0.6, 0.4, 0.95, 0.55],
        ],
        [0, 2, 1, 0],
    ),
    ([[0.1, 0.2, 0.7, 0.7], [0.4, 0.05, 0.75, 0.2]], [1, 2]),
)

MODEL = """faster_rcnn {
  num_classes: 3
  number_of_stages: STAGES
  image_resizer { fixed_shape_resizer { height: 128 width: 160 } }
  feature_extractor { EXTRACTOR }
  first_stage_anchor_generator { ANCHORS }
  first_stage_box_predictor_conv_hyperparams { CONV activation: RELU }
  first_stage_box_predictor_depth: 64
  first_stage_minibatch_size: 4096
  first_stage_positive_balance_fraction: 1.0
  first_stage_nms_iou_threshold: 0.7
  first_stage_max_proposals: 12
  first_stage_localization_loss_weight: 2.0
  initial_crop_size: CROP
  maxpool_kernel_size: POOL
  maxpool_stride: POOL
  second_stage_box_predictor { PREDICTOR }
  second_stage_batch_size: 12
  second_stage_balance_fraction: 1.0
  second_stage_post_processing {
    batch_non_max_suppression {
      score_threshold: 0.01 iou_threshold: 0.6
      max_detections_per_class: 6 max_total_detections: 10
    }
    score_converter: SOFTMAX
  }
  second_stage_localization_loss_weight: 2.0
  second_stage_classification_loss_weight: 1.5
  second_stage_mask_prediction_loss_weight: 4.0
  MORE
}"""
CONV = """
  regularizer { l2_regularizer { weight: 0.0004 } }
  initializer { truncated_normal_initializer { stddev: 0.03 } }
"""
GRID = """grid_anchor_generator {
  scales: [0.125, 0.25, 0.5] aspect_ratios: [0.5, 1.0, 2.0]
  height_stride: 16 width_stride: 16
}"""
PYRAMID_ANCHORS = """multiscale_anchor_generator {
  min_level: 2 max_level: 6 anchor_scale: 4.0 aspect_ratios: [0.5, 1.0, 2.0]
  scales_per_octave: 1 normalize_coordinates: false
}"""
PYRAMID = f"""
  type: "faster_rcnn_resnet50_fpn_keras"
  batch_norm_trainable: true
  fpn {{ min_level: 2 max_level: 6 additional_layer_depth: 64 }}
  conv_hyperparams {{
    {CONV} activation: RELU
    batch_norm {{ decay: 0.97 epsilon: 0.001 scale: true }}
  }}
"""
BOXES = f"mask_rcnn_box_predictor {{ fc_hyperparams {{ op: FC {CONV} }} }}"
MASKS = f"""mask_rcnn_box_predictor {{
  fc_hyperparams {{ op: FC {CONV} }} conv_hyperparams {{ {CONV} }}
  predict_instance_masks: true mask_prediction_conv_depth: 16
  mask_prediction_num_conv_layers: 2 mask_height: 9 mask_width: 9
}}"""
SCORE_MAPS = f"""rfcn_box_predictor {{
  depth: 32 crop_height: 12 crop_width: 12 conv_hyperparams {{ {CONV} }}
}}"""
MATMUL = "use_matmul_crop_and_resize: true"


def filled(
    extractor,
    anchors=GRID,
    predictor=BOXES,
    *,
    stages=2,
    crop=14,
    pool=2,
    more="",
):
    """The model's text with its CAPITALS replaced."""
    values = {
        "extractor": extractor,
        "anchors": anchors,
        "predictor": predictor,
        "stages": stages,
        "crop": crop,
        "pool": pool,
        "more": more,
        "conv": CONV,
    }
    text = MODEL
    for name, value in values.items():
        text = text.replace(f" {name.upper()}", f" {value}")
    return text


RESNET = 'type: "faster_rcnn_resnet50_keras"'
INCEPTION = 'type: "faster_rcnn_inception_resnet_v2_keras"'

# The old Inception-ResNet v2 fails at stride 8: part of Mixed_7a loses its stride.
MODELS = {
    "faster_rcnn_resnet50": filled(RESNET),
    "faster_rcnn_inception_resnet_v2": filled(INCEPTION, crop=17, pool=1, more=MATMUL),
    "rfcn_resnet50": filled(RESNET, predictor=SCORE_MAPS, crop=0, pool=0),
    "mask_rcnn_resnet50": filled(RESNET, predictor=MASKS, stages=3, more=MATMUL),
    "faster_rcnn_resnet50_fpn": filled(PYRAMID, PYRAMID_ANCHORS, crop=7, pool=1),
}


def two_stage():
    return {name: model_case(text) for name, text in MODELS.items()}


def model_case(text):
    config = text_format.Parse(text, model_pb2.DetectionModel())
    case = {"config": text}
    for mode in ("inference", "training"):
        training = mode == "training"
        tf.keras.backend.clear_session()
        tf.keras.backend.set_learning_phase(training)
        model = model_builder.build(config, is_training=training)
        provide_truth(model, masks=config.faster_rcnn.number_of_stages == 3)
        images = np.stack([golden_inputs.image(60 + i, *SIZE) for i in range(2)])
        inputs, _ = model.preprocess(tf.constant(images))
        shapes = tf.constant(TRUE_SHAPES)
        model.predict(inputs, shapes)
        for variable in unique_variables(model):
            shape = tuple(variable.shape)
            variable.assign(two_stage_weights.weight(variable.name, shape))
        found = trained(model, inputs, shapes) if training else {}
        if not training:
            raw = model.predict(inputs, shapes)
            found = outputs(raw) | detections(model, raw, shapes)
        case |= {f"{mode}_{field}": value for field, value in found.items()}
    return case | variable_table(model)


def provide_truth(model, masks):
    boxes, classes = zip(*TRUTH, strict=True)
    truth = {
        "groundtruth_boxes_list": [tf.constant(one) for one in boxes],
        "groundtruth_classes_list": [tf.one_hot(one, 3) for one in classes],
    }
    if masks:
        truth["groundtruth_masks_list"] = [
            tf.constant(golden_inputs.ellipses(one, *SIZE)) for one in boxes
        ]
    model.provide_groundtruth(**truth)


def unique_variables(model):
    variables = {id(variable): variable for variable in model.variables}.values()
    names = [variable.name for variable in variables]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"not unique: {sorted(twice)}")
    return list(variables)


def trained(model, inputs, shapes):
    """Outputs, losses and gradient norms of a training step."""
    with tf.GradientTape() as tape:
        raw = model.predict(inputs, shapes)
        losses = model.loss(raw, shapes)
        regularization = tf.add_n(model.regularization_losses())
        total = sum(losses.values()) + regularization
    variables = unique_variables(model)
    gradients = tape.gradient(total, variables, unconnected_gradients="zero")
    losses = {
        name.removeprefix("Loss/").replace("/", "."): value
        for name, value in losses.items()
    }
    return outputs(raw) | {
        **{f"loss_{name}": value.numpy() for name, value in losses.items()},
        "loss_regularization": regularization.numpy(),
        "gradient_norms": norms(variables, gradients),
    }


def norms(variables, gradients):
    """One number a variable; of a pyramid's predictors, of the sum of all levels."""
    names = [two_stage_weights.of_first_level(v.name) for v in variables]
    sums = collections.defaultdict(float)
    for name, gradient in zip(names, gradients, strict=True):
        sums[name] += gradient.numpy()
    return np.float32([np.linalg.norm(sums[name]) for name in names])


def outputs(raw):
    """Of the first stage's 100 anchors and all anchors' sums; the second's whole."""
    codes = raw["rpn_box_encodings"].numpy()
    logits = raw["rpn_objectness_predictions_with_background"].numpy()
    every = -(-codes.shape[1] // 100)
    return {
        "anchor_count": codes.shape[1],
        "every": every,
        "rpn_codes": codes[:, ::every],
        "rpn_logits": logits[:, ::every],
        "rpn_codes_sums": np.abs(codes).sum((1, 2)),
        "rpn_logits_sums": np.abs(logits).sum((1, 2)),
        "proposals": raw["proposal_boxes"].numpy(),
        "proposal_count": raw["num_proposals"].numpy(),
        "codes": raw["refined_box_encodings"].numpy(),
        "logits": raw["class_predictions_with_background"].numpy(),
    }


def detections(model, raw, shapes):
    found = model.postprocess(dict(raw), shapes)
    found = {name: value.numpy() for name, value in found.items()}
    kept = {
        "boxes": found["detection_boxes"],
        "scores": found["detection_scores"],
        "classes": found["detection_classes"].astype(np.int32),
        "count": found["num_detections"].astype(np.int32),
        "anchors": found["detection_anchor_indices"].astype(np.int32),
    }
    if "detection_masks" in found:
        kept["masks"] = found["detection_masks"].astype(np.float16)
    return {f"detection_{name}": value for name, value in kept.items()}


def variable_table(model):
    """Names and shapes, in the order of the gradient norms."""
    variables = unique_variables(model)
    return {
        "variable_names": [v.name for v in variables],
        "variable_shapes": ["x".join(map(str, v.shape)) for v in variables],
    }
