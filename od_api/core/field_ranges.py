"""Ranges of settings that no part's constructor sees, and of all numbers: finite.

A part checks its own fields. What belongs to a whole run, to an input reader or to a
detector's composition is listed here, and looked at in messages of any depth.
"""

import functools
import math

from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.message_fields import set_values

# A batch of a million images fits nowhere; a buffer's slots are made at once.
MOST_IMAGES = 1_000_000
LARGEST_BUFFER = 10_000_000
# Keras and NumPy take seeds of 32 bits.
LARGEST_SEED = 2**32 - 1


def _to(high, low=0):
    return functools.partial(ranges.between, low=low, high=high)


_WEIGHT = ranges.at_least
_FROM_1 = functools.partial(ranges.at_least, low=1)
_COUNT = _to(ranges.MOST_BOXES, low=1)
_CHANNELS = _to(ranges.MOST_CHANNELS)
_SIDE = _to(ranges.LONGEST_SIDE, low=1)
_LIMITS = {
    "TrainConfig": {
        "batch_size": _to(MOST_IMAGES, low=1),
        "gradient_clipping_by_norm": _WEIGHT,
        "bias_grad_multiplier": _WEIGHT,
        "seed": _to(LARGEST_SEED),
    },
    "EvalConfig": {
        "batch_size": _to(MOST_IMAGES, low=1),
        "max_detections": _COUNT,
        "num_visualizations": _to(10_000),
        "min_score_threshold": ranges.probability,
        "max_num_boxes_to_visualize": _to(ranges.MOST_BOXES),
        "recall_lower_bound": ranges.probability,
        "recall_upper_bound": ranges.probability,
    },
    "InputReader": {
        "shuffle_buffer_size": _to(LARGEST_BUFFER),
        "filenames_shuffle_buffer_size": _to(LARGEST_BUFFER),
        "num_keypoints": _to(10_000),
        "num_additional_channels": _to(ranges.MOST_CHANNELS),
        "max_number_of_boxes": _to(ranges.MOST_BOXES, low=-1),
        "sample_1_of_n_examples": _FROM_1,
        "num_readers": _FROM_1,
        "read_block_length": _FROM_1,
        "max_image_pixels": _to(2**40, low=1),
        "sample_from_datasets_weights": _WEIGHT,
    },
    "ChipScale": {
        "min_dimension": _SIDE,
        "max_dimension": _SIDE,
        "chip_size": _to(ranges.LONGEST_SIDE),
        "low": _WEIGHT,
        "high": _WEIGHT,
        "stride": _to(ranges.LONGEST_SIDE),
        "max_tries": _to(1_000_000),
    },
    "Loss": {"classification_weight": _WEIGHT, "localization_weight": _WEIGHT},
    "Ssd": {
        "num_classes": _to(ranges.MOST_CLASSES, low=1),
        "negative_class_weight": _WEIGHT,
    },
    "SsdFeatureExtractor": {
        "depth_multiplier": ranges.above,
        "min_depth": _CHANNELS,
        "pad_to_multiple": _SIDE,
        "num_layers": _to(ranges.MOST_LAYERS, low=1),
    },
    "FeaturePyramidNetworks": {
        "min_level": _to(ranges.MOST_LAYERS),
        "max_level": _to(ranges.MOST_LAYERS),
        "additional_layer_depth": _to(ranges.MOST_CHANNELS, low=1),
    },
    "FasterRcnn": {
        "num_classes": _to(ranges.MOST_CLASSES, low=1),
        "first_stage_minibatch_size": _COUNT,
        "first_stage_positive_balance_fraction": ranges.probability,
        "first_stage_nms_score_threshold": ranges.probability,
        "first_stage_nms_iou_threshold": ranges.probability,
        "first_stage_max_proposals": _COUNT,
        "first_stage_localization_loss_weight": _WEIGHT,
        "first_stage_objectness_loss_weight": _WEIGHT,
        # 0 in configs of R-FCN, which crops nothing; others refuse it.
        "initial_crop_size": _to(ranges.MOST_CELLS),
        "maxpool_kernel_size": _to(ranges.MOST_CELLS),
        "maxpool_stride": _to(ranges.MOST_CELLS),
        "second_stage_batch_size": _COUNT,
        "second_stage_balance_fraction": ranges.probability,
        "second_stage_localization_loss_weight": _WEIGHT,
        "second_stage_classification_loss_weight": _WEIGHT,
        "second_stage_mask_prediction_loss_weight": _WEIGHT,
    },
    "FasterRcnnFeatureExtractor": {
        "first_stage_features_stride": _SIDE,
        "pad_to_multiple": _SIDE,
    },
    "Classifier": {"num_classes": _to(ranges.MOST_CLASSES, low=1)},
    "Keypoints": {
        "num_classes": _to(ranges.MOST_CLASSES, low=1),
        "pad_to_multiple": _SIDE,
    },
    "StudyBlock": {
        "resolution": _SIDE,
        "stride": _SIDE,
        "proposals": _COUNT,
        "batch_size": _to(MOST_IMAGES, low=1),
    },
    "SyntheticScenes": {
        "training_images": _FROM_1,
        "evaluation_images": _FROM_1,
        "size": _SIDE,
    },
}

# Pairs of fields of which the first may not be larger.
_ORDERED = {"EvalConfig": [("recall_lower_bound", "recall_upper_bound")]}


def range_faults(message, path=""):
    """Yields a ConfigError for every set field, at any depth, outside its range."""
    limits = _LIMITS.get(message.DESCRIPTOR.name, {})
    yield from _disordered(message, path)
    for name, field, value in set_values(message):
        here = f"{path}.{name}" if path else name
        if field.message_type is not None:
            yield from range_faults(value, here)
            continue
        fault = _fault(name, value, limits.get(field.name))
        if fault:
            yield ConfigError(fault, here)


def refuse_ranges(message):
    """Raises the first of `range_faults`."""
    for fault in range_faults(message):
        raise fault


def _disordered(message, path):
    """Yields a ConfigError where the low end of a range lies above the high one."""
    for low, high in _ORDERED.get(message.DESCRIPTOR.name, ()):
        try:
            ranges.ordered(low, getattr(message, low), high, getattr(message, high))
        except ranges.RangeError as error:
            here = f"{path}.{low}" if path else low
            yield ConfigError(str(error).removeprefix(f"{low} "), here)


def _fault(name, value, limit):
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}; it must be a finite number"
    try:
        return limit and limit(name, value) and None
    except ranges.RangeError as error:
        return str(error).removeprefix(f"{name} ")
