"""Numbers of a run that mean nothing are refused."""

import pytest

from od_api.config.meaningless_settings import refuse_meaningless
from od_api.core.errors import ConfigError
from od_api.protos import pipeline_pb2


def config(**settings):
    made = pipeline_pb2.TrainEvalPipelineConfig()
    for path, value in settings.items():
        *outer, name = path.split("__")
        message = made
        for field in outer:
            message = getattr(message, field)
        setattr(message, name, value)
    return made


def test_defaults_and_what_turns_something_off_are_fine():
    off = {
        "train_config__stall_warning_seconds": 0,
        "train_config__worker_silence_seconds": -1,
        "train_config__cluster_start_seconds": 0,
        "train_config__startup_delay_steps": 0,
        "train_config__log_every_n_steps": 0,
        "train_config__max_checkpoints_to_keep": 0,
        "eval_config__eval_every_n_steps": 0,
        "eval_config__early_stopping__patience": 1,
    }
    assert refuse_meaningless(config()) is None
    assert refuse_meaningless(config(**off)) is None
    # Nor do they hide what is refused.
    with pytest.raises(ConfigError, match="checkpoint_every_n_steps"):
        refuse_meaningless(config(**off, train_config__checkpoint_every_n_steps=0))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("train_config.checkpoint_every_n_steps", 0),
        ("train_config.stall_warning_seconds", float("nan")),
        ("train_config.worker_silence_seconds", float("nan")),
        ("train_config.cluster_start_seconds", float("nan")),
        ("train_config.startup_delay_steps", float("inf")),
        ("eval_config.early_stopping.patience", 0),
        ("eval_config.early_stopping.min_delta", -0.1),
        ("eval_config.early_stopping.min_delta", float("nan")),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(field, value):
    with pytest.raises(ConfigError) as caught:
        refuse_meaningless(config(**{field.replace(".", "__"): value}))
    assert caught.value.field_path == field
