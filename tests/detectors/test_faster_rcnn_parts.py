"""From the fields of FasterRcnn to parts: their keys, order, settings and refusals."""

import numpy as np
import pytest
import tensorflow as tf
import two_stage_kit as kit

from od_api.core.errors import ConfigError
from od_api.detectors.regions import CroppedRegions, PositionSensitiveRegions


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("rpn", ["backbone", "rpn"]),
        ("faster_rcnn", ["backbone", "rpn", "head"]),
        ("faster_rcnn_fpn", ["backbone", "rpn", "neck", "head", "regions"]),
        ("rfcn", ["backbone", "rpn", "head"]),
    ],
)
def test_keys_of_parts_are_those_of_checkpoints(name, keys):
    model = kit.detector(name)
    assert list(model.parts) == keys
    kind = PositionSensitiveRegions if name == "rfcn" else CroppedRegions
    for stage in model.region_stages:
        assert isinstance(stage.regions, kind)


def test_second_stage_waits_where_there_is_one_stage():
    """Its weights are there, and nothing trains them."""
    model = kit.detector("rpn")
    assert not (model.options or model.candidates_are_ranked or model.region_stages)
    assert model.parts["backbone"].second_stage.weights
    assert not model.parts["backbone"].second_stage.trainable_weights


def test_old_fields_reach_the_objectives():
    model = kit.detector(
        "faster_rcnn",
        """first_stage_minibatch_size: 32 first_stage_positive_balance_fraction: 0.25
        first_stage_localization_loss_weight: 3 first_stage_objectness_loss_weight: 2
        second_stage_batch_size: 12 second_stage_localization_loss_weight: 5
        second_stage_classification_loss_weight: 4
        second_stage_classification_loss { weighted_sigmoid {} }""",
    )
    first, second = model.first_stages[0].objective, model.region_stages[0].objective
    assert (first.batch_size, second.batch_size) == (32, 12)
    assert first.samplers[0].max_positives == 8
    assert (first.localization_weight, first.classification_weight) == (3, 2)
    assert (second.localization_weight, second.classification_weight) == (5, 4)
    assert first.loss.num_classes == 1 and second.loss.num_classes == 5
    kind = type(second.loss.classification_loss).__name__
    assert kind == "WeightedSigmoidClassificationLoss"


def test_further_first_stages_start_at_refined_anchors():
    """Parts rpn and rpn_2; the second has no anchors, and it proposes."""
    model = kit.detector(
        "rpn", "first_stages { loss_weight: 1 } first_stages { loss_weight: 0.5 }"
    )
    assert list(model.parts) == ["backbone", "rpn", "rpn_2"]
    one, two = model.first_stages
    assert two.anchors is None and one.suppression is None
    truth = kit.targets()
    found = model.call(
        kit.images(), truth.true_shapes, training=True, targets=truth, seed=kit.SEED
    )
    before, after = found.first
    assert after.priors.boxes.shape == (2, *before.priors.boxes.shape)
    losses, gradients = kit.training_losses(model, truth)
    assert list(losses) == [
        "RPNLoss/localization_loss",
        "RPNLoss/objectness_loss",
        "RPNLoss_2/localization_loss",
        "RPNLoss_2/objectness_loss",
    ]
    assert all(g is not None for g in gradients.values())


CASCADE_RPN = """
  first_stages {
    box_predictor { cascade_rpn_predictor { depth: 12 predict_classes: false } }
    objective { matched {
      matcher { region_assigner { anchor_scale: 4 } } classification_weight: 0
    } }
  }
  first_stages { box_predictor { cascade_rpn_predictor { depth: 8 adaptive: true } } }
"""


def test_a_first_stage_hands_maps_on():
    """The second reads 12 channels, at moved priors, and alone has logits."""
    model = kit.detector("faster_rcnn_fpn", CASCADE_RPN)
    one, two = model.parts["rpn"], model.parts["rpn_2"]
    kernels = {v.path.split("/", 1)[1]: v.shape for v in two.weights}
    assert kernels["conv/kernel"] == (3, 3, 12, 8)
    assert not any("class" in v.path for v in one.weights)
    truth = kit.targets()
    first = model.call(kit.images(), truth.true_shapes).first
    assert list(first[0].maps) == ["P2", "P3", "P4", "P5", "P6"]
    assert first[0].priors.boxes.shape == first[1].priors.boxes.shape[1:]
    assert not np.any(first[0].class_logits) and np.any(first[1].class_logits)
    losses, gradients = kit.training_losses(model, truth)
    assert float(losses["RPNLoss/objectness_loss"]) == 0
    assert float(losses["RPNLoss/localization_loss"]) > 0
    assert all(g is not None for g in gradients.values())


def test_without_regression_anchors_stay():
    """Codes of 0 of the first stage: the second one's priors are the anchors (T23)."""
    model = kit.detector("faster_rcnn_fpn", CASCADE_RPN)
    for variable in model.parts["rpn"].weights:
        if "box" in variable.path:
            variable.assign(tf.zeros(variable.shape))
    truth = kit.targets()
    first = model.call(kit.images(), truth.true_shapes).first
    for boxes in first[1].priors.boxes:
        np.testing.assert_allclose(boxes, first[0].priors.boxes, atol=1e-3)


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        ("first_stage_box_predictor_depth: 0", "first_stage_box_predictor_depth"),
        ("first_stage_atrous_rate: 0", "first_stage_atrous_rate"),
        ("first_stage_minibatch_size: 0", "first_stage_minibatch_size"),
        (
            "first_stage_matcher { argmax_matcher { matched_threshold: 0.1 } }",
            "first_stage_matcher.argmax_matcher",
        ),
        (
            "second_stage_localization_loss { weighted_smooth_l1 { delta: 0 } }",
            "second_stage_localization_loss.weighted_smooth_l1.delta",
        ),
        ("initial_crop_size: 0", "initial_crop_size"),
        ("maxpool_kernel_size: 0", "maxpool_kernel_size"),
        ("maxpool_stride: 0", "maxpool_stride"),
        (
            "hard_example_miner { iou_threshold: -1 }",
            "hard_example_miner.iou_threshold",
        ),
    ],
)
def test_errors_name_the_old_fields(edit, place):
    with pytest.raises(ConfigError) as error:
        kit.detector("faster_rcnn", edit)
    assert error.value.field_path == f"model.faster_rcnn.{place}"


def test_rfcn_crops_nothing_and_takes_zeros():
    edit = "initial_crop_size: 0 maxpool_kernel_size: 0 maxpool_stride: 0"
    assert kit.detector("rfcn", edit).region_stages


def test_the_first_stage_has_a_suppression_of_its_own():
    """It takes the place of the threshold; other things stay as the old fields say."""
    edit = (
        "first_stage_suppression { greedy_nms { iou_threshold: .3 inclusive: true } }"
    )
    model = kit.detector("faster_rcnn", f"{edit} first_stage_max_proposals: 17")
    selection = model.first_stages[-1].suppression
    assert selection.suppression.inclusive
    assert selection.max_total_detections == 17
    assert model.options == {"num_proposals": 17} and model.candidates_are_ranked


def test_a_first_stage_s_suppression_and_threshold_are_refused():
    edit = "first_stage_suppression { greedy_nms {} } first_stage_nms_iou_threshold: .7"
    with pytest.raises(ConfigError, match="and so is suppression") as error:
        kit.detector("faster_rcnn", edit)
    assert error.value.field_path.endswith(".first_stage_nms_iou_threshold")


def test_an_error_in_the_first_stage_s_suppression_has_its_place():
    edit = "first_stage_suppression { greedy_nms { iou_threshold: 2 } }"
    with pytest.raises(ConfigError) as error:
        kit.detector("faster_rcnn", edit)
    place = "first_stage_suppression.greedy_nms.iou_threshold"
    assert error.value.field_path.endswith(f"faster_rcnn.{place}")
