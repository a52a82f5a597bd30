"""Schedules that were made for another number of steps are told."""

from google.protobuf import text_format

from od_api.config.schedule_length import schedule_notes
from od_api.protos import train_pb2

COSINE = "adam_optimizer { learning_rate { cosine_decay_learning_rate { %s } } }"
STEPS = "momentum_optimizer { learning_rate { manual_step_learning_rate { %s } } }"


def notes(optimizer, last_step):
    settings = text_format.Parse(
        f"optimizer {{ {optimizer} }}", train_pb2.TrainConfig()
    )
    return schedule_notes(settings, last_step)


def test_one_that_ends_with_training_is_not_mentioned():
    assert notes(COSINE % "total_steps: 100 warmup_steps: 10", 100) == []
    assert notes(STEPS % "schedule { step: 60 learning_rate: 0.1 }", 100) == []


def test_a_cosine_names_its_field_and_the_value_to_set():
    (note,) = notes(COSINE % "total_steps: 100 warmup_steps: 10", 50)
    assert "falls until step 100: it ends before it has fallen" in note
    field = "train_config.optimizer.adam_optimizer.learning_rate"
    assert note.endswith(f"--set {field}.cosine_decay_learning_rate.total_steps=50")


def test_beyond_its_end_a_cosine_is_zero():
    (note,) = notes(COSINE % "total_steps: 100 warmup_steps: 10", 200)
    assert "is 0 from there on" in note


def test_a_warm_up_longer_than_training_is_set_too():
    """Or what is advised would be refused: warm-up 10, of 10 steps."""
    (note,) = notes(COSINE % "total_steps: 100 warmup_steps: 10", 10)
    assert note.endswith("cosine_decay_learning_rate.warmup_steps=1")


def test_drops_that_training_does_not_reach_are_named():
    two = "schedule { step: 60 learning_rate: 0.1 } schedule { step: 80 }"
    (note,) = notes(STEPS % two, 60)
    assert "would change at 60, 80, which" in note


def test_rates_without_an_end_say_nothing():
    constant = "adam_optimizer { learning_rate { constant_learning_rate {} } }"
    assert notes(constant, 10) == []
    assert notes("", 10) == []
