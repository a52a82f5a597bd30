"""The old API's heads of two-stage models with seeded weights, and its mask pasting.

Run through `make_golden.py`. `second_stage` returns {case: {field: array}}.

Weights are `golden_inputs.weight(name, shape)` of the variable's name in the old API;
features are `features(seed, shape)`, kept beside the outputs.
"""

import golden_inputs
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from object_detection.builders import box_predictor_builder, hyperparams_builder
from object_detection.protos import box_predictor_pb2, hyperparams_pb2
from object_detection.utils import ops

CONV = """
  regularizer { l2_regularizer { weight: 0.0004 } }
  initializer { truncated_normal_initializer { stddev: 0.03 } }
"""
NORM = "batch_norm { decay: 0.97 epsilon: 0.001 scale: true }"
FC = f"fc_hyperparams {{ op: FC activation: NONE {CONV} }}"

MASKED = f"""mask_rcnn_box_predictor {{
  predict_instance_masks: true mask_prediction_conv_depth: 8 FIELDS
  {FC} conv_hyperparams {{ {CONV} NORM }}
}}"""
RFCN = f"""rfcn_box_predictor {{
  num_spatial_bins_height: 2 num_spatial_bins_width: 3 depth: 5
  crop_height: 4 crop_width: 6
  conv_hyperparams {{ {CONV} NORM }}
}}"""

REGION_HEADS = {
    "boxes": f"mask_rcnn_box_predictor {{ use_dropout: true {FC} }}",
    "normalized": (
        f"mask_rcnn_box_predictor {{ fc_hyperparams {{ op: FC {CONV} {NORM} }} }}"
    ),
    "shared_box": (
        f"mask_rcnn_box_predictor {{ share_box_across_classes: true {FC} }}"
    ),
    "masks": MASKED.replace("FIELDS", "").replace("NORM", ""),
    "masks_upsampled_last": MASKED.replace(
        "FIELDS",
        "convolve_then_upsample_masks: true mask_height: 12 mask_width: 15 "
        "mask_prediction_num_conv_layers: 3",
    ).replace("NORM", NORM),
    "masks_of_no_class": MASKED.replace(
        "FIELDS", "masks_are_class_agnostic: true mask_height: 7"
    ).replace("NORM", ""),
    "masks_of_automatic_depth": MASKED.replace(
        "mask_prediction_conv_depth: 8 FIELDS", "mask_prediction_conv_depth: 0"
    ).replace("NORM", ""),
}
IMAGE_HEADS = {
    "rfcn": RFCN.replace("NORM", ""),
    "rfcn_normalized": RFCN.replace("NORM", NORM),
}


def second_stage():
    cases = {name: region_case(text) for name, text in REGION_HEADS.items()}
    cases |= {name: image_case(text) for name, text in IMAGE_HEADS.items()}
    cases["proposals"] = proposal_case(kernel_size=3, atrous_rate=2, norm=NORM)
    cases["proposals_1x1"] = proposal_case(kernel_size=1, atrous_rate=1, norm="")
    return cases | {"paste": paste_case()}


def features(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def predictor(text, is_training=False):
    tf.keras.backend.clear_session()
    tf.keras.backend.set_learning_phase(is_training)
    return box_predictor_builder.build_keras(
        hyperparams_fn=hyperparams_builder.KerasLayerHyperparams,
        freeze_batchnorm=False,
        inplace_batchnorm_update=False,
        num_predictions_per_location_list=[1],
        box_predictor_config=text_format.Parse(text, box_predictor_pb2.BoxPredictor()),
        is_training=is_training,
        num_classes=3,
    )


def set_weights(variables):
    """Seeded values; returns what is stored of the variables."""
    names = [variable.name for variable in variables]
    if len(set(names)) != len(names):
        raise ValueError(f"not unique: {sorted(names)}")
    for variable in variables:
        variable.assign(golden_inputs.weight(variable.name, tuple(variable.shape)))
    return {"variable_names": np.array(names)}


def region_case(text):
    regions = features(1, 4, 4, 5, 6)
    head = predictor(text)
    case = {"config": text, "features": regions}
    stages = (2, 3) if "predict_instance_masks" in text else (2,)
    for stage in stages:
        head([regions], prediction_stage=stage)
    case |= set_weights(head.variables)
    for stage in stages:
        for name, value in head([regions], prediction_stage=stage).items():
            case[name] = value.numpy()
    return case


def image_case(text):
    maps = features(2, 2, 6, 7, 4)
    # One box is the whole image, one ends at its edge; proposals are never outside.
    boxes = golden_inputs.boxes(3, 8).reshape(2, 4, 4)
    boxes[0, 0], boxes[1, 0] = [0, 0, 1, 1], [0.5, 0.6, 1, 1]
    head = predictor(text)
    head([maps], proposal_boxes=tf.constant(boxes))
    case = {"config": text, "features": maps, "boxes": boxes}
    case |= set_weights(head.variables)
    for name, value in head([maps], proposal_boxes=tf.constant(boxes)).items():
        case[name] = value[0].numpy()
    return case


def proposal_case(kernel_size, atrous_rate, norm):
    """The first stage's layers, put together as its constructor does."""
    text = f"{CONV} activation: NONE {norm}"
    message = text_format.Parse(text, hyperparams_pb2.Hyperparams())
    make = hyperparams_builder.KerasLayerHyperparams(message)
    tf.keras.backend.clear_session()
    conv = tf.keras.layers.Conv2D(
        8,
        kernel_size=[kernel_size, kernel_size],
        dilation_rate=atrous_rate,
        padding="SAME",
        name="RPNConv",
        **make.params(),
    )
    steps = [conv, make.build_batch_norm(False, name="RPNBatchNorm")]
    shared = tf.keras.Sequential([*steps, tf.keras.layers.Lambda(tf.nn.relu6)])
    head = box_predictor_builder.build_convolutional_keras_box_predictor(
        is_training=False,
        num_classes=1,
        conv_hyperparams=make,
        freeze_batchnorm=False,
        inplace_batchnorm_update=False,
        num_predictions_per_location_list=[3],
        use_dropout=False,
        dropout_keep_prob=1.0,
        box_code_size=4,
        kernel_size=1,
        num_layers_before_predictor=0,
        min_depth=0,
        max_depth=0,
    )
    maps = features(4, 2, 6, 7, 4)
    head([shared(maps)])
    case = {"hyperparams": text, "features": maps}
    case |= {"kernel_size": kernel_size, "atrous_rate": atrous_rate}
    case |= set_weights([*shared.variables, *head.variables])
    for name, value in head([shared(maps)]).items():
        case[name] = value[0].numpy()
    return case


def paste_case():
    """Masks of an image of 40 x 60 pixels; one box reaches over its edge."""
    masks = np.random.default_rng(5).uniform(size=(6, 5, 7)).astype(np.float32)
    boxes = golden_inputs.boxes(6, 6)
    boxes[0], boxes[1] = [0, 0, 1, 1], [0.5, -0.2, 1.2, 0.4]
    pasted = ops.reframe_box_masks_to_image_masks(
        tf.constant(masks), tf.constant(boxes), 40, 60
    )
    return {"masks": masks, "boxes": boxes, "pasted": pasted.numpy()}
