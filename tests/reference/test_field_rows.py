"""Fields as rows: type, default, meaning and what becomes of them."""

import pytest

from od_api.config.compatibility import NOW_EFFECTIVE
from od_api.protos import (
    eval_pb2,
    hyperparams_pb2,
    losses_pb2,
    model_pb2,
    ssd_pb2,
    train_pb2,
)
from od_api.reference.field_rows import meaning_of, messages, rows_of


def row(message, field):
    [found] = [row for row in rows_of(message.DESCRIPTOR) if row.name == field]
    return found


@pytest.mark.parametrize(
    ("message", "field", "kind", "default"),
    [
        (train_pb2.TrainConfig, "batch_size", "uint32", "32"),
        (train_pb2.TrainConfig, "freeze_variables", "list of string", ""),
        (train_pb2.TrainConfig, "fine_tune_checkpoint", "string", '""'),
        (train_pb2.TrainConfig, "optimizer", "Optimizer", ""),
        (eval_pb2.EvalConfig, "min_score_threshold", "float", "0.5"),
        (eval_pb2.EvalConfig, "super_categories", "map<string, string>", ""),
        (ssd_pb2.Ssd, "add_background_class", "bool", "true"),
        (ssd_pb2.Ssd, "columns", "list of Column", ""),
    ],
)
def test_types_and_defaults(message, field, kind, default):
    assert (row(message, field).type, row(message, field).default) == (kind, default)


def test_values_of_an_enum_are_named():
    found = row(train_pb2.TrainConfig, "precision")
    assert found.type == "FLOAT32 or MIXED_FLOAT16 or MIXED_BFLOAT16"
    assert found.default == "FLOAT32"


@pytest.mark.parametrize(
    ("message", "field", "status", "why"),
    [
        (train_pb2.TrainConfig, "num_steps", "used", ""),
        (train_pb2.TrainConfig, "batch_queue_capacity", "no effect", "tf.data"),
        (eval_pb2.EvalConfig, "force_no_resize", "refused", "image_resizer"),
        (ssd_pb2.Ssd, "inplace_batchnorm_update", "no effect", "batch norm"),
        (ssd_pb2.Ssd, "explicit_background_class", "refused", "no class"),
        (losses_pb2.Loss, "equalization_loss", "refused", "does not offer"),
        (model_pb2.DetectionModel, "center_net", "refused", "without an impl"),
        (model_pb2.DetectionModel, "ssd", "used", ""),
    ],
)
def test_what_becomes_of_fields(message, field, status, why):
    found = row(message, field)
    assert found.status == status and why in found.why and bool(why) == bool(found.why)


def test_meanings_come_from_the_schema_or_the_part():
    """`threshold` of no comment would be the argument's line in the docstring."""
    assert row(train_pb2.TrainConfig, "seed").meaning.startswith("Everything random")
    focal = losses_pb2.SigmoidFocalClassificationLoss
    assert row(focal, "gamma").meaning and row(focal, "alpha").meaning
    assert meaning_of(ssd_pb2.Ssd.DESCRIPTOR) == "A single-stage detector."


def test_where_the_old_api_differed_is_noted():
    rows = {
        descriptor.name: {row.name for row in rows_of(descriptor) if row.note}
        for descriptor in messages()
    }
    noted = {message: fields for message, fields in rows.items() if fields}
    assert noted == {message: set(fields) for message, fields in NOW_EFFECTIVE.items()}
    assert row(hyperparams_pb2.BatchNorm, "train").since == "old"
    assert row(ssd_pb2.Ssd, "columns").since == "new"


def test_every_field_that_is_used_has_a_meaning():
    without = [
        f"{descriptor.name}.{row.name}"
        for descriptor in messages()
        for row in rows_of(descriptor)
        if row.status == "used" and not row.meaning
    ]
    assert without == []


def test_what_stands_in_refused_fields_is_left_out():
    names = {descriptor.name for descriptor in messages()}
    assert "CenterNet" not in names and "GraphRewriter" not in names
    assert {"TrainConfig", "SsdFeatureExtractor", "BalancedL1Loss"} <= names
