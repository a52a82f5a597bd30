"""The old API's argmax matcher and target assigner.

Run through `make_golden.py`. Every function returns {case: {field: array}}.
"""

import golden_inputs
import numpy as np
import tensorflow.compat.v1 as tf
from object_detection.builders import (
    anchor_generator_builder,
    box_coder_builder,
    matcher_builder,
)
from object_detection.core import region_similarity_calculator
from object_detection.core import target_assigner as assigner_lib
from object_detection.protos import anchor_generator_pb2, box_coder_pb2, matcher_pb2
from old_geometry import ANCHORS, box_list_of, parse

MATCHERS = {
    "defaults": "",
    "thresholds": "matched_threshold: 0.6 unmatched_threshold: 0.3",
    "ignore_low": "matched_threshold: 0.6 unmatched_threshold: 0.3 "
    "negatives_lower_than_unmatched: false",
    "force": "force_match_for_each_row: true",
    "force_high": "matched_threshold: 0.95 unmatched_threshold: 0.5 "
    "force_match_for_each_row: true",
    "no_thresholds": "ignore_thresholds: true",
    "no_thresholds_force": "ignore_thresholds: true force_match_for_each_row: true",
    "zero": "matched_threshold: 0.0 unmatched_threshold: 0.0",
}


def matchers():
    """Matches of one similarity matrix under several options.

    The matrix holds a multiple of 1/20, so that ties and values equal to a threshold
    occur; row 4 repeats row 1, column 7 repeats column 2, column 9 is all zero, row 5
    belongs to a ground truth of weight 0, row 6 is all zero.
    """
    rng = np.random.default_rng(7)
    similarity = (rng.integers(0, 20, (7, 30)) / 20).astype(np.float32)
    similarity[rng.uniform(size=similarity.shape) < 0.6] *= 0.5
    similarity[4] = similarity[1]
    similarity[:, 7] = similarity[:, 2]
    similarity[:, 9] = 0
    similarity[6] = 0
    valid = np.array([1, 1, 1, 1, 1, 0, 1], bool)
    cases = {"input": {"similarity": similarity, "valid_rows": valid}}
    for name, options in MATCHERS.items():
        text = f"argmax_matcher {{ {options} }}"
        part = matcher_builder.build(parse(text, matcher_pb2.Matcher()))
        match = part.match(tf.constant(similarity), valid_rows=tf.constant(valid))
        empty = part.match(tf.zeros([0, 5]), valid_rows=tf.zeros([0], tf.bool))
        cases[name] = {
            "config": text,
            "match": match.match_results.numpy(),
            "match_of_nothing": empty.match_results.numpy(),
        }
    return cases


def target_assigner():
    """Targets of two images; class columns follow one of background."""
    text, maps, (height, width) = ANCHORS["ssd_wide"]
    generator = anchor_generator_builder.build(
        parse(text, anchor_generator_pb2.AnchorGenerator())
    )
    lists = generator.generate(maps, im_height=height, im_width=width)
    anchor = np.concatenate([one.get().numpy() for one in lists])[::4]
    truth = [golden_inputs.boxes(8, 4), golden_inputs.boxes(9, 2)]
    truth[0][1] = anchor[40]
    classes = [np.array([0, 2, 1, 2]), np.array([1, 0])]
    weights = [np.float32([1, 0.5, 0, 1]), np.float32([1, 1])]
    options = "matched_threshold: 0.5 unmatched_threshold: 0.3 "
    matching = f"argmax_matcher {{ {options} force_match_for_each_row: true }}"
    coding = "faster_rcnn_box_coder { }"
    assigner = assigner_lib.TargetAssigner(
        region_similarity_calculator.IouSimilarity(),
        matcher_builder.build(parse(matching, matcher_pb2.Matcher())),
        box_coder_builder.build(parse(coding, box_coder_pb2.BoxCoder())),
    )
    outputs = assigner_lib.batch_assign_targets(
        assigner,
        box_list_of(anchor),
        [box_list_of(one) for one in truth],
        [tf.one_hot(one + 1, 4) for one in classes],
        tf.constant([1.0, 0, 0, 0]),
        [tf.constant(one) for one in weights],
    )
    names = ("cls_targets", "cls_weights", "reg_targets", "reg_weights", "match")
    values = {n: v.numpy() for n, v in zip(names, outputs, strict=True)}
    scale = np.float32([height, width, height, width])
    fields = {
        "matcher_config": matching,
        "box_coder_config": coding,
        "anchors": anchor * scale,
        "image_shape": (height, width),
        **values,
    }
    for i in range(2):
        fields[f"boxes_{i}"] = truth[i] * scale
        fields[f"classes_{i}"] = classes[i]
        fields[f"weights_{i}"] = weights[i]
    return {"ssd": fields}
