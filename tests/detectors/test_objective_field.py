"""An objective over the old fields: what it sets, what stays, where errors are."""

import logging

import pytest
import tiny
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.core.warn_once import warn_once
from od_api.losses.balanced_l1 import BalancedL1Loss
from od_api.losses.weighted_sigmoid_focal import SigmoidFocalClassificationLoss
from od_api.objectives.free_anchor import FreeAnchorObjective
from od_api.protos import pipeline_pb2


def objective(edit):
    """The objective of tiny's SSD with fields merged into its message."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny.CONFIG, config)
    text_format.Merge(edit, config.model.ssd)
    return build_field(config, "model").stage.objective


def test_what_is_not_set_stays():
    """Old: thresholds of .5, weights of 1. Set: the loss of boxes, and its weight."""
    plain = objective("")
    changed = objective(
        "objective { matched { localization_loss { balanced_l1 {} } "
        "localization_weight: 3 } }"
    )
    assert isinstance(changed.loss.localization_loss, BalancedL1Loss)
    assert changed.localization_weight == 3
    kept = type(plain.loss.classification_loss)
    assert isinstance(changed.loss.classification_loss, kept)
    assert changed.classification_weight == plain.classification_weight
    assert changed.assigner.matched_threshold == plain.assigner.matched_threshold


def test_lists_are_replaced_and_not_continued():
    old = "loss { hard_example_miner {} }"
    assert len(objective(old).miners) == 1
    given = old + ("objective { matched { samplers { random_example_sampler {} } } }")
    changed = objective(given)
    assert (len(changed.samplers), len(changed.miners)) == (1, 0)


def test_objective_alone_is_enough():
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny.CONFIG, config)
    ssd = config.model.ssd
    for field in ("loss", "matcher", "similarity_calculator"):
        ssd.ClearField(field)
    with pytest.raises(ConfigError, match="is not set in Ssd, and it is needed"):
        build_field(config, "model")
    text_format.Merge(
        """objective { matched {
          matcher { argmax_matcher {} }
          classification_loss { weighted_sigmoid_focal {} }
          localization_loss { weighted_smooth_l1 {} }
        } }""",
        ssd,
    )
    made = build_field(config, "model").stage.objective
    assert isinstance(made.loss.classification_loss, SigmoidFocalClassificationLoss)


def test_another_kind_takes_the_place_and_says_so(caplog):
    warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        made = objective("add_background_class: false objective { free_anchor {} }")
    assert isinstance(made, FreeAnchorObjective)
    assert "Ssd.matcher has no effect: objective takes its place" in caplog.text


@pytest.mark.parametrize(
    ("edit", "place", "says"),
    [
        ("objective {}", "objective", "is empty: set one of matched"),
        (
            "objective { matched { matcher { argmax_matcher "
            "{ matched_threshold: 0.2 } } } }",
            "objective.matched.matcher.argmax_matcher",
            "unmatched_threshold",
        ),
        (
            "loss { random_example_sampler { positive_sample_fraction: 0 } }",
            "loss.random_example_sampler.positive_sample_fraction",
            "is 0",
        ),
        (
            "post_processing { score_factors: 'centerness' }",
            "post_processing",
            "score_factors has 'centerness', which is no column",
        ),
        ("columns { centerness {} }", "box_predictor", "makes no use of columns"),
    ],
)
def test_errors_stand_where_the_user_wrote(edit, place, says):
    with pytest.raises(ConfigError, match=says) as error:
        objective(edit)
    assert error.value.field_path.startswith(f"model.ssd.{place}")
