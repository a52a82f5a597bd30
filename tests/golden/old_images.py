"""The old API's image resizers and its augmentations that leave nothing to chance.

Run through `make_golden.py`. Every function returns {case: {field: array}}.
"""

import golden_inputs
import numpy as np
import tensorflow.compat.v1 as tf
from google.protobuf import text_format
from object_detection.builders import image_resizer_builder, preprocessor_builder
from object_detection.core import preprocessor
from object_detection.protos import image_resizer_pb2, preprocessor_pb2

# name: (config, height and width of the image)
RESIZERS = {
    "fixed_down": ("fixed_shape_resizer { height: 11 width: 15 }", (17, 24)),
    "fixed_up": ("fixed_shape_resizer { height: 25 width: 31 }", (17, 24)),
    "fixed_nearest": (
        "fixed_shape_resizer { height: 11 width: 31 resize_method: NEAREST_NEIGHBOR }",
        (17, 24),
    ),
    "fixed_bicubic": (
        "fixed_shape_resizer { height: 11 width: 31 resize_method: BICUBIC }",
        (17, 24),
    ),
    "fixed_area": (
        "fixed_shape_resizer { height: 6 width: 10 resize_method: AREA }",
        (17, 24),
    ),
    "fixed_gray": (
        "fixed_shape_resizer { height: 11 width: 15 convert_to_grayscale: true }",
        (17, 24),
    ),
    "keep_min": (
        "keep_aspect_ratio_resizer { min_dimension: 10 max_dimension: 30 }",
        (17, 24),
    ),
    "keep_max": (
        "keep_aspect_ratio_resizer { min_dimension: 20 max_dimension: 23 }",
        (17, 36),
    ),
    "keep_pad": (
        "keep_aspect_ratio_resizer { min_dimension: 15 max_dimension: 20 "
        "pad_to_max_dimension: true per_channel_pad_value: [10, 20, 30] }",
        (24, 17),
    ),
    "conditional_greater": (
        "conditional_shape_resizer { condition: GREATER size_threshold: 15 }",
        (17, 24),
    ),
    "conditional_smaller": (
        "conditional_shape_resizer { condition: SMALLER size_threshold: 20 }",
        (17, 24),
    ),
    "conditional_not_met": (
        "conditional_shape_resizer { condition: SMALLER size_threshold: 10 }",
        (17, 24),
    ),
    "pad_to_multiple": ("pad_to_multiple_resizer { multiple: 16 }", (17, 24)),
}


def resizers():
    """One seeded image (golden_inputs.image(20, h, w)) and two masks per case."""
    cases = {}
    for name, (text, (height, width)) in RESIZERS.items():
        config = text_format.Parse(text, image_resizer_pb2.ImageResizer())
        resize = image_resizer_builder.build(config)
        image = golden_inputs.image(20, height, width)
        masks = (golden_inputs.image(21, height, width)[..., :2] > 127).astype("f4")
        resized = resize(
            tf.constant(image), masks=tf.constant(masks.transpose(2, 0, 1))
        )
        cases[name] = {
            "config": text,
            "image_shape": (height, width),
            "resized": resized[0].numpy(),
            "masks": resized[1].numpy().astype(bool),
            "true_shape": resized[2].numpy(),
        }
    return cases


STEPS = {
    "normalize": "normalize_image { original_minval: 0 original_maxval: 255 "
    "target_minval: -1 target_maxval: 1 }",
    "flip": "random_horizontal_flip { keypoint_flip_permutation: [1, 0, 2] "
    "probability: 1 }",
    "flip_vertical": "random_vertical_flip { keypoint_flip_permutation: [0, 2, 1] "
    "probability: 1 }",
    "rotate": "random_rotation90 { probability: 1 }",
    "pixel_scale": "random_pixel_value_scale { minval: 0.9 maxval: 0.9 }",
    "pixel_scale_up": "random_pixel_value_scale { minval: 1.3 maxval: 1.3 }",
    "image_scale": "random_image_scale { min_scale_ratio: 0.6 max_scale_ratio: 0.6 }",
    "random_gray": "random_rgb_to_gray { probability: 1 }",
    "contrast": "random_adjust_contrast { min_delta: 1.2 max_delta: 1.2 }",
    "saturation": "random_adjust_saturation { min_delta: 0.7 max_delta: 0.7 }",
    "to_pixels": "scale_boxes_to_pixel_coordinates { }",
    "resize": "resize_image { new_height: 8 new_width: 11 method: BILINEAR }",
    "resize_bicubic": "resize_image { new_height: 8 new_width: 11 method: BICUBIC }",
    "resize_area": "resize_image { new_height: 5 new_width: 7 method: AREA }",
    "resize_nearest": "resize_image { new_height: 8 new_width: 11 "
    "method: NEAREST_NEIGHBOR }",
    "means": "subtract_channel_mean { means: [123.68, 116.779, 103.939] }",
    "gray": "rgb_to_gray { }",
    "softmax": "convert_class_logits_to_softmax { temperature: 1.5 }",
    "concat_vertical": "random_self_concat_image { concat_vertical_probability: 1 "
    "concat_horizontal_probability: 0 }",
    "concat_horizontal": "random_self_concat_image { concat_vertical_probability: 0 "
    "concat_horizontal_probability: 1 }",
    "drop_label": "drop_label_probabilistically { label: 2 drop_probability: 1 }",
    "remap": "remap_labels { original_labels: [1, 3] new_label: 2 }",
    "jpeg": "random_jpeg_quality { random_coef: 0 min_jpeg_quality: 40 "
    "max_jpeg_quality: 41 }",
    "downscale": "random_downscale_to_target_pixels { random_coef: 0 "
    "min_target_pixels: 100 max_target_pixels: 101 }",
    "gamma": "adjust_gamma { gamma: 1.3 gain: 1.1 }",
}
SHAPE = (12, 17)


def augment():
    """One seeded image with three boxes; old names of the fields, 1-based classes.

    The image is golden_inputs.image(22, 12, 17). Boxes and keypoints are normalised,
    as the old API keeps them. An operation that fails is recorded as its error.
    """
    given = {
        "groundtruth_boxes": golden_inputs.boxes(23, 3),
        "groundtruth_classes": np.array([1, 2, 3], np.int64),
        "groundtruth_weights": np.float32([1, 0.5, 1]),
        "groundtruth_confidences": np.float32([1, 0.75, 1]),
        "multiclass_scores": np.float32([[1, 2, 3], [0, 1, 0], [-1, 0, 2]]),
        "groundtruth_keypoints": np.random.default_rng(24)
        .uniform(0, 1, (3, 3, 2))
        .astype(np.float32),
        "groundtruth_instance_masks": masks_in(),
    }
    cases = {"input": given}
    # Every function gets the fields it can take, as the training input does.
    arguments = preprocessor.get_default_func_arg_map(
        include_label_weights=True,
        include_label_confidences=True,
        include_multiclass_scores=True,
        include_instance_masks=True,
        include_keypoints=True,
    )
    for name, text in STEPS.items():
        config = text_format.Parse(text, preprocessor_pb2.PreprocessingStep())
        image = golden_inputs.image(22, *SHAPE)[None]
        tensors = {k: tf.constant(v) for k, v in given.items()}
        tensors["image"] = tf.constant(image)
        cases[name] = {"config": text}
        try:
            step = preprocessor_builder.build(config)
            outputs = preprocessor.preprocess(tensors, [step], arguments)
        except Exception as error:
            print("augment", name, type(error), str(error)[:300])
            cases[name]["error"] = type(error).__name__
            continue
        cases[name] |= changed(outputs, {**given, "image": image})
    return cases


def masks_in():
    pixels = golden_inputs.image(25, *SHAPE)
    return (pixels > 127).astype(np.float32).transpose(2, 0, 1)


def changed(outputs, given):
    """The fields that the operation changed."""
    kept = {}
    for name, value in outputs.items():
        value = value.numpy()
        if value.shape == given[name].shape and np.array_equal(value, given[name]):
            continue
        if name == "groundtruth_instance_masks":
            value = value > 0.5
        kept[name] = value
    return kept
