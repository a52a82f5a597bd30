"""The old API's losses and hard-example miner.

Run through `make_golden.py`. Every function returns {case: {field: array}}.
"""

import golden_inputs
import numpy as np
import tensorflow.compat.v1 as tf
from object_detection.builders import losses_builder
from object_detection.core import matcher
from object_detection.protos import losses_pb2
from old_geometry import box_list_of, parse

CLASSIFICATION_LOSSES = {
    "sigmoid": "weighted_sigmoid { }",
    "softmax": "weighted_softmax { }",
    "softmax_scaled": "weighted_softmax { logit_scale: 2.5 }",
    "bootstrapped_soft": "bootstrapped_sigmoid { alpha: 0.6 }",
    "bootstrapped_hard": "bootstrapped_sigmoid { alpha: 0.6 hard_bootstrap: true }",
    "focal": "weighted_sigmoid_focal { gamma: 2.0 alpha: 0.25 }",
    "focal_no_alpha": "weighted_sigmoid_focal { gamma: 1.5 }",
    "logits_softmax": "weighted_logits_softmax { logit_scale: 1.5 }",
    "penalty_reduced": "penalty_reduced_logistic_focal_loss { alpha: 2.0 beta: 4.0 }",
    "dice": "weighted_dice_classification_loss { }",
    "dice_squared": "weighted_dice_classification_loss { squared_normalization: true }",
}
ANY_CLASSIFICATION = "classification_loss { weighted_sigmoid { } }"
ANY_LOCALIZATION = "localization_loss { weighted_smooth_l1 { } }"
LOCALIZATION_LOSSES = {
    "l2": "weighted_l2 { }",
    "smooth_l1": "weighted_smooth_l1 { }",
    "smooth_l1_delta": "weighted_smooth_l1 { delta: 0.3 }",
    "iou": "weighted_iou { }",
    "l1": "l1_localization_loss { }",
    "giou": "weighted_giou { }",
}


def losses():
    """Every loss with all weights 1, on [2, 9, 4] inputs; a few logits are extreme."""
    rng = np.random.default_rng(10)
    logits = rng.normal(0, 2, (2, 9, 4)).astype(np.float32)
    logits[0, 0], logits[0, 1] = [60, -60, 0, 20], [-60, 60, 0, -20]
    one_hot = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (2, 9))]
    heat = rng.uniform(0, 1, (2, 9, 4)).astype(np.float32)
    heat[one_hot > 0] = 1.0
    codes = rng.normal(0, 1, (2, 9, 4)).astype(np.float32)
    code_targets = codes + rng.normal(0, 0.8, codes.shape).astype(np.float32)
    boxes = golden_inputs.boxes(11, 18, 100.0).reshape(2, 9, 4)
    moved = rng.normal(0, 8, boxes.shape).astype(np.float32)
    box_targets = golden_inputs.boxes(11, 18, 100.0).reshape(2, 9, 4) + moved
    box_targets[..., 2:] = np.maximum(box_targets[..., 2:], box_targets[..., :2] + 2)
    box_targets[0, 0] = boxes[0, 0]
    box_targets[0, 1] = boxes[0, 1] + 200
    given = {
        "logits": logits,
        "one_hot": one_hot,
        "heat": heat,
        "codes": codes,
        "code_targets": code_targets,
        "boxes": boxes,
        "box_targets": box_targets,
    }
    cases = {"input": given}
    for name, text in CLASSIFICATION_LOSSES.items():
        other = {"penalty_reduced": "heat", "logits_softmax": "codes"}
        names = ("logits", other.get(name, "one_hot"))
        text = f"classification_loss {{ {text} }} {ANY_LOCALIZATION}"
        loss = losses_builder.build(parse(text, losses_pb2.Loss()))[0]
        cases[name] = loss_case(text, loss, given, names, logits.shape)
    for name, text in LOCALIZATION_LOSSES.items():
        names = ("boxes", "box_targets") if "iou" in name else ("codes", "code_targets")
        text = f"localization_loss {{ {text} }} {ANY_CLASSIFICATION}"
        loss = losses_builder.build(parse(text, losses_pb2.Loss()))[1]
        shape = codes.shape if name == "l1" else codes.shape[:2]
        cases[name] = loss_case(text, loss, given, names, shape)
    return cases


def loss_case(text, loss, given, names, weights_shape):
    prediction, target = (tf.constant(given[name]) for name in names)
    value = loss(prediction, target, weights=tf.ones(weights_shape)).numpy()
    return {"config": text, "inputs": names, "loss": value}


MINERS = {
    "ratio_3": "num_hard_examples: 3000 iou_threshold: 0.99 "
    "max_negatives_per_positive: 3 loss_type: CLASSIFICATION",
    "ratio_3_minimum": "num_hard_examples: 3000 iou_threshold: 0.99 "
    "max_negatives_per_positive: 3 min_negatives_per_image: 5 "
    "loss_type: CLASSIFICATION",
    "both": "num_hard_examples: 20 iou_threshold: 0.6 max_negatives_per_positive: 2",
    "localization": "num_hard_examples: 12 iou_threshold: 1.0 loss_type: LOCALIZATION",
    "defaults": "",
    "no_caps": "num_hard_examples: 0 iou_threshold: 0.5",
}


def hard_example_miner():
    """Which anchors of three images are kept; image 2 has no positive anchor."""
    rng = np.random.default_rng(12)
    size = (3, 60)
    cls = rng.gamma(1.0, 1.0, size).astype(np.float32)
    loc = rng.gamma(1.0, 1.0, size).astype(np.float32)
    label = rng.choice([1, 0, 0, 0, 0, -1], size).astype(np.int32)
    label[2] = np.minimum(label[2], 0)
    loc[label != 1] = 0
    cls[label == -1] = 0
    decoded = golden_inputs.boxes(13, 180).reshape(3, 60, 4)
    decoded[0, 10] = decoded[0, 11] + 1e-4
    # The old marks: 0 and up = the ground truth's index, -1 negative, -2 ignored.
    match = [matcher.Match(tf.constant(row - 1)) for row in label]
    given = {"classification": cls, "localization": loc, "label": label}
    cases = {"input": {**given, "boxes": decoded}}
    for name, options in MINERS.items():
        text = (
            "classification_loss { weighted_softmax {} } localization_loss "
            "{ weighted_smooth_l1 {} } classification_weight: 2.0 "
            f"localization_weight: 0.5 hard_example_miner {{ {options} }}"
        )
        miner = losses_builder.build(parse(text, losses_pb2.Loss()))[4]
        losses_in = tf.constant(loc)
        boxes = [box_list_of(one) for one in decoded]
        # The gradient of the sum of what is kept is 1 where an anchor is kept.
        with tf.GradientTape() as tape:
            tape.watch(losses_in)
            total, _ = miner(losses_in, tf.constant(cls), boxes, match)
        kept = tape.gradient(total, losses_in).numpy().astype(bool)
        cases[name] = {
            "config": text,
            "kept": kept,
        }
    return cases
