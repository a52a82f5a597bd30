"""The old API's anchors, box coders and similarities.

Run through `make_golden.py`. Every function returns {case: {field: array}}.
"""

import golden_inputs
import numpy as np
import tensorflow.compat.v1 as tf
from google.protobuf import text_format
from object_detection.builders import (
    anchor_generator_builder,
    box_coder_builder,
    region_similarity_calculator_builder,
)
from object_detection.core import box_list
from object_detection.protos import (
    anchor_generator_pb2,
    box_coder_pb2,
    region_similarity_calculator_pb2,
)

SSD_MAPS = [(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]
RATIOS = "aspect_ratios: [1.0, 2.0, 0.5, 3.0, 0.3333]"
GRID = "base_sizes: [{}] aspect_ratios: [{}] height_stride: {} width_stride: {}"

# name: (config, feature maps, image height and width)
ANCHORS = {
    "ssd_300": (f"ssd_anchor_generator {{ {RATIOS} }}", SSD_MAPS, (300, 300)),
    "ssd_wide": (
        f"ssd_anchor_generator {{ num_layers: 3 {RATIOS} }}",
        [(8, 12), (4, 6), (2, 3)],
        (256, 384),
    ),
    "ssd_scales_strides": (
        "ssd_anchor_generator { num_layers: 3 scales: [0.1, 0.3, 0.7] "
        "aspect_ratios: [1.0, 2.0] reduce_boxes_in_lowest_layer: false "
        "base_anchor_height: 0.8 base_anchor_width: 1.2 "
        "height_stride: [32, 64, 128] width_stride: [32, 64, 128] "
        "height_offset: [16, 30, 60] width_offset: [10, 32, 64] }",
        [(8, 12), (4, 6), (2, 3)],
        (256, 384),
    ),
    "ssd_no_interpolated": (
        "ssd_anchor_generator { num_layers: 2 interpolated_scale_aspect_ratio: 0.0 "
        "aspect_ratios: [1.0, 3.0] }",
        [(5, 5), (3, 3)],
        (320, 320),
    ),
    "multiscale_320": (
        "multiscale_anchor_generator { aspect_ratios: [1.0, 2.0, 0.5] min_level: 5 }",
        [(10, 10), (5, 5), (3, 3)],
        (320, 320),
    ),
    "multiscale_640_top": (
        "multiscale_anchor_generator { aspect_ratios: [1.0, 2.0, 0.5] min_level: 6 }",
        [(10, 10), (5, 5)],
        (640, 640),
    ),
    "multiscale_odd_size": (
        "multiscale_anchor_generator { aspect_ratios: [1.0, 2.0, 0.5] min_level: 6 "
        "scales_per_octave: 3 anchor_scale: 3 }",
        [(5, 7), (3, 4)],
        (300, 401),
    ),
    "multiscale_absolute": (
        "multiscale_anchor_generator { aspect_ratios: [1.0] min_level: 5 "
        "max_level: 6 normalize_coordinates: false }",
        [(6, 6), (3, 3)],
        (192, 192),
    ),
    "grid": (
        "grid_anchor_generator { scales: [0.25, 0.5, 1.0, 2.0] "
        "aspect_ratios: [0.5, 1.0, 2.0] }",
        [(5, 7)],
        (80, 112),
    ),
    "grid_offset": (
        "grid_anchor_generator { height: 64 width: 128 height_stride: 8 "
        "width_stride: 12 height_offset: 4 width_offset: 6 scales: [1.0, 0.5] "
        "aspect_ratios: [1.0, 3.0] }",
        [(4, 3)],
        (32, 36),
    ),
    "flexible": (
        "flexible_grid_anchor_generator { anchor_grid { "
        + GRID.format("32, 48, 64", "1, 2, 0.5", 16, 16)
        + " } anchor_grid { "
        + GRID.format("100, 150", "1, 1", 40, 30)
        + " height_offset: 20 width_offset: 15 } }",
        [(6, 8), (3, 4)],
        (96, 120),
    ),
}


def anchors():
    cases = {}
    for name, (text, maps, (height, width)) in ANCHORS.items():
        config = parse(text, anchor_generator_pb2.AnchorGenerator())
        generator = anchor_generator_builder.build(config)
        absolute = "grid_anchor_generator {" in text and "flexible" not in text
        size = {} if absolute else {"im_height": height, "im_width": width}
        lists = generator.generate(maps, **size)
        made = np.concatenate([one.get().numpy() for one in lists])
        pixels = absolute or "normalize_coordinates: false" in text
        scale = [1.0] * 4 if pixels else [height, width, height, width]
        cases[name] = {
            "config": text,
            "feature_maps": maps,
            "image_shape": (height, width),
            "anchors_in_pixels": (made * np.float32(scale)).astype(np.float32),
            "per_location": generator.num_anchors_per_location(),
        }
    return cases


BOX_CODERS = {
    "faster_rcnn": "faster_rcnn_box_coder { }",
    "faster_rcnn_scaled": "faster_rcnn_box_coder { y_scale: 1 x_scale: 2 "
    "height_scale: 3 width_scale: 4 }",
    "square": "square_box_coder { }",
    "mean_stddev": "mean_stddev_box_coder { }",
    "mean_stddev_large": "mean_stddev_box_coder { stddev: 0.1 }",
}


def box_coders():
    """Codes of normalised boxes, and the decoding of random codes."""
    truth, anchor = golden_inputs.boxes(1, 24), golden_inputs.boxes(2, 24)
    codes = np.random.default_rng(3).normal(0, 1.5, (24, 4)).astype(np.float32)
    cases = {"input": {"boxes": truth, "anchors": anchor}}
    for name, text in BOX_CODERS.items():
        coder = box_coder_builder.build(parse(text, box_coder_pb2.BoxCoder()))
        given = codes[:, : coder.code_size]
        encoded = coder.encode(box_list_of(truth), box_list_of(anchor))
        decoded = coder.decode(tf.constant(given), box_list_of(anchor))
        if isinstance(decoded, box_list.BoxList):
            decoded = decoded.get()
        cases[name] = {
            "config": text,
            "encoded": encoded.numpy(),
            "codes": given,
            "decoded": decoded.numpy(),
        }
    cases["keypoint"] = keypoint_coder(truth, anchor)
    return cases


def keypoint_coder(truth, anchor):
    text = "keypoint_box_coder { num_keypoints: 2 }"
    coder = box_coder_builder.build(parse(text, box_coder_pb2.BoxCoder()))
    rng = np.random.default_rng(4)
    keypoints = rng.uniform(0, 1, (24, 2, 2)).astype(np.float32)
    codes = rng.normal(0, 1.5, (24, 8)).astype(np.float32)
    boxes = box_list_of(truth)
    boxes.add_field("keypoints", tf.constant(keypoints))
    encoded = coder.encode(boxes, box_list_of(anchor))
    decoded = coder.decode(tf.constant(codes), box_list_of(anchor))
    return {
        "config": text,
        "keypoints": keypoints,
        "encoded": encoded.numpy(),
        "codes": codes,
        "decoded": decoded.get().numpy(),
        "decoded_keypoints": decoded.get_field("keypoints").numpy(),
    }


SIMILARITIES = {
    "iou": "iou_similarity { }",
    "ioa": "ioa_similarity { }",
    "neg_sq_dist": "neg_sq_dist_similarity { }",
    "thresholded_iou": "thresholded_iou_similarity { iou_threshold: 0.1 }",
}


def similarities():
    """[G, A] similarities of normalised boxes; one ground-truth box has no area."""
    truth, anchor = golden_inputs.boxes(5, 6), golden_inputs.boxes(6, 15)
    truth[5] = [0.4, 0.4, 0.4, 0.6]
    anchor[3] = truth[2]
    anchor[4] = [0.2, 0.2, 0.2, 0.2]
    scores = np.linspace(0.1, 0.9, 6, dtype=np.float32)
    cases = {"input": {"boxes": truth, "anchors": anchor, "scores": scores}}
    for name, text in SIMILARITIES.items():
        message = region_similarity_calculator_pb2.RegionSimilarityCalculator()
        calculator = region_similarity_calculator_builder.build(parse(text, message))
        boxes = box_list_of(truth)
        boxes.add_field("scores", tf.constant(scores))
        values = calculator.compare(boxes, box_list_of(anchor))
        cases[name] = {
            "config": text,
            "similarity": values.numpy(),
        }
    return cases


def parse(text, message):
    return text_format.Parse(text, message)


def box_list_of(boxes):
    return box_list.BoxList(tf.constant(boxes))
