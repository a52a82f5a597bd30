"""Numbers of a training, by the data's size and the batch."""

import pytest

from od_api.init.detector_choices import chosen, model_of
from od_api.init.recipe import KINDS, batch_for, kind_of_detector, recipe


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ssd_mobilenet_v1_300", "ssd"),
        ("ssd_mobilenet_v2_fpnlite_320", "retinanet"),
        ("rfcn_resnet101_600x1024", "two stages"),
    ],
)
def test_kinds_of_detectors(name, kind):
    assert kind_of_detector(model_of(chosen(name).config())) == kind


def test_of_200_images_24000_are_seen():
    made = recipe("ssd", 200, 16)
    assert made.num_steps == 1500
    assert made.warmup_steps == 100
    assert made.evaluate_every == 150
    assert made.batch_norm_decay == 0.97
    assert made.rate == 0.02
    assert made.average_decay == 0.998


def test_more_images_are_seen_less_often_each():
    small, large = recipe("ssd", 200, 16), recipe("ssd", 20_000, 16)
    assert large.num_steps > small.num_steps
    assert large.num_steps / 20_000 < small.num_steps / 200


def test_half_the_batch_takes_twice_the_steps_at_a_lower_rate():
    whole, half = recipe("ssd", 200, 16), recipe("ssd", 200, 8)
    assert half.num_steps == 2 * whole.num_steps
    assert half.rate == whole.rate / 2
    assert recipe("retinanet", 200, 4).rate == KINDS["retinanet"].rate / 2


def test_steps_that_are_given_are_kept_and_the_schedule_follows():
    made = recipe("ssd", 200, 16, 300)
    assert made.num_steps == 300
    assert made.warmup_steps == 20
    assert made.evaluate_every == 30
    assert made.batch_norm_decay == 0.96


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_trainings_have_a_schedule(steps):
    made = recipe("two stages", 3, 1, steps)
    assert 0 <= made.warmup_steps < steps
    assert 1 <= made.evaluate_every <= steps


def test_an_epoch_is_the_least_between_evaluations():
    assert recipe("ssd", 1600, 16, 150).evaluate_every == 100


def test_a_batch_is_at_most_half_the_images():
    assert batch_for("ssd", 205) == 16
    assert batch_for("ssd", 7) == 3
    assert batch_for("two stages", 1) == 1
