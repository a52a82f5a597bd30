"""Messages become parts: the fields fit, the defaults agree, the errors say where."""

import inspect
import logging
import math

import pytest
from google.protobuf import descriptor_pool, message_factory

from od_api.core.errors import ConfigError
from od_api.core.registry import (
    build,
    build_field,
    ignored_fields,
    is_repeated,
    is_slot,
    register,
    registered,
)
from od_api.core.warn_once import warn_once
from od_api.losses.weighted_smooth_l1 import WeightedSmoothL1LocalizationLoss
from od_api.losses.weighted_softmax import WeightedSoftmaxClassificationLoss
from od_api.protos import (
    losses_pb2,
    matcher_pb2,
    ssd_pb2,
    target_assigner_pb2,
)
from od_api.similarities.iou_similarity import IouSimilarity

PARTS = registered()
PLAIN = sorted(name for name in PARTS if not hasattr(PARTS[name], "from_proto"))


def descriptor_of(name):
    return descriptor_pool.Default().FindMessageTypeByName(name)


def agrees(field, default):
    """Whether a constructor's default is the schema's explicit one."""
    value = field.default_value
    if field.enum_type is not None:
        return default == field.enum_type.values_by_number[value].name
    if isinstance(value, float):
        # The schema's floats are float32.
        return math.isclose(default, value, rel_tol=1e-6)
    return default == value and isinstance(default, bool) == isinstance(value, bool)


def test_there_are_parts():
    assert len(PLAIN) > 30


@pytest.mark.parametrize("name", PLAIN)
def test_fields_are_constructor_arguments(name):
    arguments = inspect.signature(PARTS[name].__init__).parameters
    for field in descriptor_of(name).fields:
        if field.name in ignored_fields(name):
            continue
        assert field.name in arguments, f"{name}.{field.name}"
        kind = arguments[field.name].kind
        assert kind is inspect.Parameter.KEYWORD_ONLY, f"{name}.{field.name}"


@pytest.mark.parametrize("name", PLAIN)
def test_defaults_are_the_schema_s(name):
    arguments = inspect.signature(PARTS[name].__init__).parameters
    for field in descriptor_of(name).fields:
        if field.name in ignored_fields(name) or not field.has_default_value:
            continue
        default = arguments[field.name].default
        assert default is not inspect.Parameter.empty, f"{name}.{field.name}"
        assert agrees(field, default), f"{name}.{field.name}: {default}"


@pytest.mark.parametrize("name", sorted(PARTS))
def test_ignored_fields_exist_and_have_a_reason(name):
    names = descriptor_of(name).fields_by_name
    for field, reason in ignored_fields(name).items():
        assert field in names, f"{name}.{field}"
        assert len(reason) > 10, f"{name}.{field}"


@pytest.mark.parametrize("name", sorted(PARTS))
def test_repeated_fields_default_to_nothing(name):
    if name not in PLAIN:
        return
    arguments = inspect.signature(PARTS[name].__init__).parameters
    for field in descriptor_of(name).fields:
        if is_repeated(field) and field.name not in ignored_fields(name):
            assert not arguments[field.name].default, f"{name}.{field.name}"


def test_slot_is_followed():
    message = losses_pb2.LocalizationLoss()
    message.weighted_smooth_l1.delta = 0.25
    loss = build(message)
    assert isinstance(loss, WeightedSmoothL1LocalizationLoss)
    assert loss.delta == 0.25


def test_fields_that_are_not_set_are_not_passed():
    message = losses_pb2.ClassificationLoss()
    message.weighted_softmax.SetInParent()
    assert isinstance(build(message), WeightedSoftmaxClassificationLoss)
    message = losses_pb2.SigmoidFocalClassificationLoss()
    assert build(message).alpha is None


def test_enum_values_arrive_by_name():
    message = losses_pb2.HardExampleMiner()
    message.loss_type = losses_pb2.HardExampleMiner.LOCALIZATION
    assert build(message).loss_type == "LOCALIZATION"


def test_context_reaches_those_that_ask():
    message = matcher_pb2.Matcher()
    message.argmax_matcher.matched_threshold = 0.75
    similarity = IouSimilarity()
    matcher = build(message, similarity=similarity, num_classes=3)
    assert matcher.similarity is similarity
    assert matcher.matched_threshold == 0.75


def test_empty_slot():
    with pytest.raises(
        ConfigError, match="is empty: set one of weighted_l2, weighted_"
    ):
        build(losses_pb2.LocalizationLoss())


def test_empty_slot_in_a_field():
    message = losses_pb2.Loss()
    message.localization_loss.SetInParent()
    with pytest.raises(ConfigError) as caught:
        build_field(message, "localization_loss")
    assert caught.value.field_path == "localization_loss"


def test_field_that_is_needed():
    with pytest.raises(ConfigError, match="matcher: is not set in TargetAssigner"):
        build_field(target_assigner_pb2.TargetAssigner(), "matcher")


def test_refused_value_has_its_path():
    message = losses_pb2.Loss()
    message.localization_loss.weighted_smooth_l1.delta = -1.0
    with pytest.raises(ConfigError, match="delta: is -1; it must be") as caught:
        build_field(message, "localization_loss")
    assert caught.value.field_path == "localization_loss.weighted_smooth_l1.delta"


def test_message_without_a_part_has_its_path():
    """TargetAssigner has no part of its own: detectors build its fields."""
    with pytest.raises(ConfigError, match="TargetAssigner is part of the schema, but"):
        build(target_assigner_pb2.TargetAssigner())
    slot = next(s for s in slots() if unimplemented(s) is not None)
    field = unimplemented(slot)
    message = message_factory.GetMessageClass(slot)()
    getattr(message, field.name).SetInParent()
    with pytest.raises(ConfigError, match="no implementation of it yet") as caught:
        build(message)
    assert caught.value.field_path == field.name


def slots():
    """Every slot that a SSD config can hold, in order."""
    found, todo = [], [ssd_pb2.Ssd.DESCRIPTOR]
    seen = set()
    while todo:
        descriptor = todo.pop()
        if descriptor.full_name in seen:
            continue
        seen.add(descriptor.full_name)
        todo += [f.message_type for f in descriptor.fields if f.message_type]
        if descriptor.fields and is_slot(descriptor):
            found.append(descriptor)
    return sorted(found, key=lambda descriptor: descriptor.full_name)


def unimplemented(slot):
    for field in slot.fields:
        kind = field.message_type
        if kind and kind.full_name not in PARTS and not is_slot(kind):
            return field
    return None


def test_ignored_field_says_so_once(caplog):
    caplog.set_level(logging.WARNING, logger="absl")
    warn_once.cache_clear()
    message = losses_pb2.WeightedL2LocalizationLoss()
    build(message)
    assert not caplog.records
    message.anchorwise_output = True
    build(message)
    build(message)
    assert [record.getMessage() for record in caplog.records] == [
        "WeightedL2LocalizationLoss.anchorwise_output has no effect: "
        "losses are always one number an anchor"
    ]


def test_a_message_is_registered_once():
    with pytest.raises(ValueError, match="registered twice"):
        register(losses_pb2.HardExampleMiner)(type("Another", (), {}))
