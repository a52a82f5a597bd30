"""Ranges: what each function lets pass, and what every part refuses.

The second half is generated: it walks all parts and gives each numeric field values
that no training survives.
"""

import inspect
import math
import types

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor

from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.core import ranges
from od_api.core.registry import ignored_fields, is_repeated, registered
from od_api.core.types import MapSpecs

NAN, INFINITE = math.nan, math.inf


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (lambda v: ranges.between("x", v, 1, 3), [1, 2, 3], [0.9, 3.1]),
        (lambda v: ranges.above("x", v), [1e-30, 1e9], [0, -1, 1e10]),
        (lambda v: ranges.above("x", v, 0, 1), [1], [0, 1.1]),
        (lambda v: ranges.at_least("x", v, 1), [1, 1e9], [0.9, 1e10]),
        (lambda v: ranges.at_least("x", v, 1, 4), [1, 4], [0, 5]),
        (lambda v: ranges.below("x", v, 1), [0, 0.99], [-0.1, 1]),
        (lambda v: ranges.finite("x", v), [-1e9, 0], [1e10]),
        (lambda v: ranges.probability("x", v), [0, 0.5, 1], [-0.1, 1.1]),
        (lambda v: ranges.ordered("x", v, "y", 2), [1, 2], [3]),
        (lambda v: ranges.ordered("y", 2, "x", v), [2, 3], [1]),
    ],
)
def test_ends_of_ranges(check, good, bad):
    for value in good:
        check(value)
    for value in [*bad, NAN, INFINITE, -INFINITE]:
        with pytest.raises(ranges.RangeError):
            check(value)


def test_value_comes_back_and_the_message_names_it():
    assert ranges.above("delta", 0.5) == 0.5
    with pytest.raises(ranges.RangeError, match=r"^delta is nan; it must be above 0$"):
        ranges.above("delta", NAN)


def test_lists_are_checked_number_by_number():
    assert ranges.above("scales", [1, 2]) == [1, 2]
    with pytest.raises(ranges.RangeError, match=r"scales\[1\] is 0") as error:
        ranges.above("scales", (1, 0))
    assert error.value.field == "scales"


PARTS = registered()
CONTEXT = {
    "similarity": None,
    "num_classes": 3,
    "anchors_per_location": [3],
    "add_background_class": True,
    "image_shape": (100, 100),
    "box_coder": FasterRcnnBoxCoder(),
    "auxiliary": MapSpecs({"M2": 4}, {"M2": 8}),
    "make_stage": lambda maps, names: None,
    "joins_branches": True,
    "strides": [8, 16],
}
# What a part needs besides the field under test.
NEEDS = {
    "AnchorGrid": {"base_sizes": [9], "aspect_ratios": [1], "height_stride": 8,
                   "width_stride": 8},
    "GridAnchorGenerator": {"scales": [1], "aspect_ratios": [1]},
    "MultiscaleAnchorGenerator": {"aspect_ratios": [1]},
    "SsdAnchorGenerator": {"aspect_ratios": [1]},
    "DropLabelProbabilistically": {"label": 1},
    "NormalizeImage": {"original_maxval": 255},
    "RandomResizeMethod": {"target_height": 9, "target_width": 9},
    "RemapLabels": {"original_labels": [1], "new_label": 1},
    "ResizeImage": {"new_height": 9, "new_width": 9},
    "SubtractChannelMean": {"means": [1, 2, 3]},
    "BootstrappedSigmoidClassificationLoss": {"alpha": 0.5},
    "SsdFeatureMaps": {"levels": ["C5"]},
    "MaskRCNNBoxPredictor": {"predict_instance_masks": True},
    "TemperatureScalingCalibration": {"scaler": 1},
    "LearningRateSchedule": {"step": 1},
    "FreeAnchorObjective": {"add_background_class": False},
    "ObjectnessGate": {
        "backbone": types.SimpleNamespace(
            branches=None, levels=("C3",), strides={"C3": 8}, channels={"C3": 8}),
        "masks": types.SimpleNamespace(
            branches=None, second_stage=None, strides={"C3_classes": 8},
            channels={"C3_classes": 2})},
    "LightScratch": {"backbone": types.SimpleNamespace(
        branches=None, strides={"C3": 8, "C4": 16, "C5": 32},
        channels={"C3": 8, "C4": 8, "C5": 8})},
}  # fmt: skip
LENGTHS = {
    "means": 3,
    "pad_color": 3,
    "last_depths": 2,
    "per_channel_pad_value": 3,
    "modules": 3,
}
# Lists of two are a height and a width.
PAIRS = ("min_padded_size_ratio", "max_padded_size_ratio")
SCHEDULES = ("learning_rate", "schedule")

# Numbers that may be negative: offsets, colours, logits, bounds of values.
MAY_BE_NEGATIVE = {
    "height_offset", "width_offset", "pad_color", "pad_color_r", "pad_color_g",
    "pad_color_b", "per_channel_pad_value", "means", "class_prediction_bias_init",
    "score_threshold", "matched_threshold", "unmatched_threshold", "target_minval",
    "target_maxval", "original_minval", "min", "max", "floor_threshold",
    "keypoint_flip_permutation", "keypoint_rot_permutation", "heat_bias_init",
}  # fmt: skip
# Counts that cost nothing, however large.
MAY_BE_HUGE = {
    "keypoint_flip_permutation", "keypoint_rot_permutation", "decay_steps", "step",
    "total_steps", "warmup_steps", "hold_base_rate_steps", "burnin_steps",
}  # fmt: skip


def numeric_fields():
    """(class, message name, field) of what reaches a constructor."""
    for name, part in sorted(PARTS.items()):
        if hasattr(part, "from_proto"):
            continue
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
        for field in descriptor.fields:
            number = FieldDescriptor.CPPTYPE_INT32 <= field.cpp_type <= 6
            if number and field.name not in ignored_fields(name):
                yield pytest.param(part, descriptor.name, field, id=field.full_name)


def refuses(part, message, field, value):
    """Whether the constructor raises ValueError for a field's value."""
    wanted = inspect.signature(part.__init__).parameters
    arguments = {k: v for k, v in CONTEXT.items() if k in wanted}
    if "learning_rate" in wanted and field.name != "learning_rate":
        arguments["learning_rate"] = 0.1
    arguments.update(NEEDS.get(message, {}))
    if is_repeated(field):
        value = [value] * (2 if field.name in PAIRS else LENGTHS.get(field.name, 6))
    arguments[field.name] = value
    try:
        part(**arguments)
    except ValueError:
        return True
    return False


FIELDS = list(numeric_fields())


def is_float(field):
    return field.cpp_type in (
        FieldDescriptor.CPPTYPE_FLOAT,
        FieldDescriptor.CPPTYPE_DOUBLE,
    )


def test_there_are_fields():
    assert len(FIELDS) > 150


@pytest.mark.parametrize(("part", "message", "field"), FIELDS)
def test_every_constructor_refuses(part, message, field):
    """NaN, infinities and 1e30; numbers below 0, and counts of 2^31."""
    values = [NAN, INFINITE, -INFINITE, 1e30] if is_float(field) else []
    if field.name not in MAY_BE_NEGATIVE and field.cpp_type not in (3, 4):
        values.append(-1)
    if not is_float(field) and field.name not in MAY_BE_HUGE:
        values.append(2**31 - 1)
    passed = [v for v in values if not refuses(part, message, field, v)]
    assert not passed
