"""Priors in crowds, as a config sets it."""

import pytest
from google.protobuf import text_format
from rule_kit import flags, truth

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import LeftOut
from od_api.ignore_rules.ignored_overlap import IgnoredOverlap
from od_api.protos import ignore_rule_pb2

CROWD, OBJECT = [0.0, 0, 20, 20], [30.0, 30, 40, 40]
# Shares of their own area in the crowd: .5, .6, 1; the last is the object. IoU .25, ...
PRIORS = [[10.0, 0, 30, 10], [8, 0, 28, 20], [5, 5, 6, 6], OBJECT]


def rule_of(text):
    return build(text_format.Parse(text, ignore_rule_pb2.IgnoreRule()))


def test_half_of_a_prior_inside_is_not_enough():
    targets = truth([OBJECT, CROWD], ignored=[0, 1])
    left_out = IgnoredOverlap()(PRIORS, targets)
    assert flags(left_out.negatives) == [0, 1, 1, 0]
    assert left_out.objects is None and left_out.priors is None


def test_padding_is_no_crowd_and_without_crowds_nothing_is_measured():
    none = truth([OBJECT, CROWD], ignored=[0, 1], valid=[1, 0])
    assert flags(IgnoredOverlap()(PRIORS, none).negatives) == [0, 0, 0, 0]
    assert IgnoredOverlap()(PRIORS, truth([OBJECT, CROWD])) == LeftOut()


@pytest.mark.parametrize(
    ("fields", "near"),
    [
        ("", [0, 1, 1, 0]),
        ("limit: 0.4", [1, 1, 1, 0]),
        # IoU: 100 / 500, 240 / 560, 1 / 400.
        ("similarity_calculator { iou_similarity {} } limit: 0.2", [0, 1, 0, 0]),
        ("similarity_calculator { iou_similarity {} } limit: 0.19", [1, 1, 0, 0]),
    ],
)
def test_fields(fields, near):
    targets = truth([OBJECT, CROWD], ignored=[0, 1])
    left_out = rule_of(f"ignored_overlap {{ {fields} }}")(PRIORS, targets)
    assert flags(left_out.negatives) == near
    both = rule_of(f"ignored_overlap {{ {fields} drop_positives: true }}")
    assert flags(both(PRIORS, targets).priors) == near


def test_a_similarity_that_is_no_share_is_refused_with_its_place():
    with pytest.raises(ConfigError, match="measures no share") as caught:
        rule_of(
            "ignored_overlap { similarity_calculator { neg_sq_dist_similarity {} } }"
        )
    assert caught.value.field_path == "ignored_overlap.similarity_calculator"
