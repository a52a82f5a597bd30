"""The old API's non-maximum suppression and score converters.

Run through `make_golden.py`. Every function returns {case: {field: array}}.
"""

import golden_inputs
import numpy as np
import tensorflow.compat.v1 as tf
from object_detection.builders import post_processing_builder
from object_detection.protos import post_processing_pb2
from old_geometry import parse

NMS = {
    "hard": "score_threshold: 0.1 iou_threshold: 0.5 max_detections_per_class: 10 "
    "max_total_detections: 20",
    "hard_defaults": "",
    "few": "score_threshold: 0.3 iou_threshold: 0.4 max_detections_per_class: 3 "
    "max_total_detections: 5",
    "agnostic": "score_threshold: 0.1 iou_threshold: 0.5 use_class_agnostic_nms: true "
    "max_detections_per_class: 10 max_total_detections: 20",
    "soft": "score_threshold: 0.1 iou_threshold: 0.5 soft_nms_sigma: 0.5 "
    "max_detections_per_class: 10 max_total_detections: 20",
    "soft_one_class": "score_threshold: 0.05 iou_threshold: 1.0 soft_nms_sigma: 0.2 "
    "max_detections_per_class: 20 max_total_detections: 20",
    "static": "score_threshold: 0.1 iou_threshold: 0.5 max_detections_per_class: 10 "
    "max_total_detections: 20 use_static_shapes: true",
    "combined": "score_threshold: 0.1 iou_threshold: 0.5 max_detections_per_class: 10 "
    "max_total_detections: 20 use_combined_nms: true",
}


def nms():
    """Two images of 60 boxes and 3 classes; windows cut one of the images."""
    rng = np.random.default_rng(14)
    boxes = golden_inputs.boxes(15, 120).reshape(2, 60, 4)
    boxes[:, 30:] = boxes[:, :30] + rng.normal(0, 0.02, (2, 30, 4)).astype(np.float32)
    boxes[0, 0] += 0.6
    scores = rng.uniform(0, 1, (2, 60, 3)).astype(np.float32) ** 2
    window = np.float32([[0, 0, 1, 1], [0, 0, 0.6, 0.8]])
    cases = {"input": {"boxes": boxes, "scores": scores, "window": window}}
    for name, options in NMS.items():
        text = (
            f"batch_non_max_suppression {{ {options} change_coordinate_frame: false }}"
        )
        config = parse(text, post_processing_pb2.PostProcessing())
        suppress, _ = post_processing_builder.build(config)
        index = tf.tile(tf.range(60, dtype=tf.float32)[None, :, None], [2, 1, 1])
        result = suppress(
            tf.constant(boxes)[:, :, None],
            tf.constant(scores),
            clip_window=tf.constant(window),
            additional_fields=None if "combined" in name else {"index": index},
        )
        cases[name] = {
            "config": text,
            "out_boxes": result[0].numpy(),
            "out_scores": result[1].numpy(),
            "out_classes": result[2].numpy(),
            "out_count": result[5].numpy(),
        }
        if result[4]:
            cases[name]["out_index"] = result[4]["index"].numpy()[..., 0]
    return cases


CONVERTERS = {
    "identity": "score_converter: IDENTITY",
    "sigmoid": "score_converter: SIGMOID",
    "sigmoid_scaled": "score_converter: SIGMOID logit_scale: 2.0",
    "softmax": "score_converter: SOFTMAX",
    "softmax_scaled": "score_converter: SOFTMAX logit_scale: 0.5",
    "calibrated": "score_converter: SIGMOID calibration_config { "
    "function_approximation { x_y_pairs { x_y_pair { x: 0 y: 0.1 } "
    "x_y_pair { x: 0.5 y: 0.4 } x_y_pair { x: 1 y: 0.8 } } } }",
    "temperature": "score_converter: SIGMOID calibration_config { "
    "temperature_scaling_calibration { scaler: 2.0 } }",
}


def score_converters():
    logits = np.random.default_rng(16).normal(0, 2, (2, 7, 4)).astype(np.float32)
    cases = {"input": {"logits": logits}}
    for name, text in CONVERTERS.items():
        config = parse(text, post_processing_pb2.PostProcessing())
        _, convert = post_processing_builder.build(config)
        scores = convert(tf.constant(logits)).numpy()
        cases[name] = {"config": text, "scores": scores}
    return cases
