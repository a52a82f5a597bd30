"""The learning rate that a run that diverged is told to try."""

import pytest
from google.protobuf import text_format

from od_api.checkpoints.finite_weights import TrainingDiverged
from od_api.protos import optimizer_pb2
from od_api.training.rate_to_try import naming_a_rate, rate_to_try


def optimizer(text):
    return text_format.Parse(text, optimizer_pb2.Optimizer())


def momentum(schedule):
    return optimizer(f"momentum_optimizer {{ learning_rate {{ {schedule} }} }}")


def test_a_tenth_of_a_constant_rate():
    said = rate_to_try(momentum("constant_learning_rate { learning_rate: 0.5 }"), 0.5)
    path = "train_config.optimizer.momentum_optimizer.learning_rate"
    assert said == (
        "The learning rate was up to 0.5: try 0.05, with --set "
        f"{path}.constant_learning_rate.learning_rate=0.05"
    )


def test_every_rate_of_a_schedule_is_lowered():
    """In the warm-up it was 0.2 yet; rates of 0 stay, defaults are named, too."""
    cosine = "cosine_decay_learning_rate { learning_rate_base: 0.4 }"
    said = rate_to_try(momentum(cosine), 0.2)
    assert "was up to 0.2: try 0.02, with --set" in said
    assert ".learning_rate_base=0.04 --set" in said
    assert said.endswith(".warmup_learning_rate=2e-05")
    steps = "schedule { step: 3 learning_rate: 0.03 } schedule { learning_rate: 0 }"
    steps = f"manual_step_learning_rate {{ initial_learning_rate: 0.3 {steps} }}"
    said = rate_to_try(momentum(steps), 0.3)
    assert ".initial_learning_rate=0.03 " in said
    assert said.endswith(".schedule[0].learning_rate=0.003")


@pytest.mark.parametrize("text", ["", "adam_optimizer {}"])
def test_without_a_schedule_the_rate_alone_is_named(text):
    assert rate_to_try(optimizer(text), 0.5) == (
        "The learning rate was up to 0.5: try 0.05"
    )


def test_errors_get_the_sentence():
    message = momentum("constant_learning_rate { learning_rate: 0.5 }")
    with (
        pytest.raises(TrainingDiverged, match=r"^it grew\. The learning .* try 0\.08,"),
        naming_a_rate(message, lambda: [0.5, 0.8]),
    ):
        raise TrainingDiverged("it grew")
    with (
        pytest.raises(TrainingDiverged, match=r"^it grew$"),
        naming_a_rate(message, lambda: [0.0]),
    ):
        raise TrainingDiverged("it grew")
