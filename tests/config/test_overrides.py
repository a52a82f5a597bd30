"""Overrides: which fields a path reaches, and what a value may be."""

import pytest

from od_api.config.overrides import apply_override, overriding
from od_api.core.errors import ConfigError
from od_api.protos import pipeline_pb2


def overridden(*overrides):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    config.train_config.batch_size = 8
    for override in overrides:
        apply_override(config, override)
    return config


def test_a_value_replaces_another_and_messages_are_made_on_the_way():
    config = overridden("train_config.batch_size=2", "model.ssd.num_classes = 5")
    assert config.train_config.batch_size == 2 and config.model.ssd.num_classes == 5


@pytest.mark.parametrize(
    ("written", "read"),
    [("a b.ckpt", "a b.ckpt"), ('"a"', "a"), (r"C:\new", r"C:\new"), ('a"b', 'a"b')],
)
def test_texts_need_no_quotes(written, read):
    config = overridden(f"train_config.fine_tune_checkpoint={written}")
    assert config.train_config.fine_tune_checkpoint == read


def test_lists_are_replaced_as_a_whole():
    path = "train_input_reader.tf_record_input_reader.input_path"
    config = overridden(f'{path}=["a", "b"]', f'{path}=["c"]')
    assert config.train_input_reader.tf_record_input_reader.input_path == ["c"]


def test_items_of_a_list_by_number_and_the_only_one_without():
    config = overridden("eval_input_reader=[{name: 'a'}, {name: 'b'}]")
    apply_override(config, "eval_input_reader[1].name=c")
    assert [reader.name for reader in config.eval_input_reader] == ["a", "c"]
    config = overridden("eval_input_reader=[{name: 'a'}]", "eval_input_reader.name=d")
    assert config.eval_input_reader[0].name == "d"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("train_config.batch_size", "not of the form"),
        ("=3", "not of the form"),
        ("train_config.batch_sizes=3", "batch_size"),
        ("train_config.batch_size.x=3", "batch_size is a value, not a message"),
        ("train_config.batch_size=many", "train_config.batch_size=many"),
        ("train_config.optimizer=3", "optimizer is a message"),
        ("train_config.batch_size[0]=3", "set a whole list"),
        ("eval_input_reader.name=a", "a list of 0; say which"),
        ("train config.batch_size=3", "is not a field name"),
    ],
)
def test_mistakes(override, says):
    with pytest.raises(ConfigError) as caught:
        overridden(override)
    assert says in str(caught.value)


def test_a_value_that_is_none_leaves_the_rest():
    config = overridden("train_config.batch_size=2")
    with pytest.raises(ConfigError):
        apply_override(config, "train_config.num_steps=x")
    assert config.train_config.batch_size == 2
    assert not config.train_config.HasField("num_steps")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("train_config.batch_size", "train_config.batch_size=3"),
        ("train_config.optimizer.adam_optimizer", "train_config.optimizer={}"),
        ("eval_input_reader[0].name", "eval_input_reader.name=a"),
        ("train_config.batch", None),
        ("model", None),
    ],
)
def test_overriding_is_the_last_one_around_a_field(path, found):
    overrides = [
        "train_config.batch_size=2",
        "train_config.batch_size=3",
        "train_config.optimizer={}",
        "eval_input_reader.name=a",
    ]
    assert overriding(path, overrides) == found
