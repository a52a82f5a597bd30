"""A field that takes the place of older ones clears them in what it is laid over."""

import pytest

from od_api.config.loading import load_config

BASE = """
model { ssd { post_processing {
  batch_non_max_suppression {
    score_threshold: .1 iou_threshold: .6 soft_nms_sigma: .5 use_hard_nms: true
  }
} } }
"""
GREEDY = "suppression { greedy_nms { iou_threshold: .3 } }"
NMS = "batch_non_max_suppression { iou_threshold: .4 }"


def post_processing(tmp_path, diff="", overrides=()):
    (tmp_path / "base.config").write_text(BASE)
    text = f'base: "base.config" model {{ ssd {{ post_processing {{ {diff} }} }} }}'
    (tmp_path / "diff.config").write_text(text)
    return load_config(tmp_path / "diff.config", overrides).model.ssd.post_processing


def test_nothing_is_cleared_without_it(tmp_path):
    nms = post_processing(tmp_path, "logit_scale: 2").batch_non_max_suppression
    assert nms.HasField("iou_threshold") and nms.HasField("soft_nms_sigma")


def test_a_diff_clears_the_thresholds_of_its_base_and_nothing_else(tmp_path):
    nms = post_processing(tmp_path, GREEDY).batch_non_max_suppression
    for field in ("iou_threshold", "soft_nms_sigma", "use_hard_nms"):
        assert not nms.HasField(field)
    assert nms.score_threshold == pytest.approx(0.1)


def test_what_the_same_file_sets_stays_and_is_refused_later(tmp_path):
    nms = post_processing(tmp_path, f"{GREEDY} {NMS}").batch_non_max_suppression
    assert nms.iou_threshold == pytest.approx(0.4)


@pytest.mark.parametrize(
    "override",
    ["suppression={greedy_nms {}}", "suppression.greedy_nms.iou_threshold=.5"],
)
def test_an_override_clears_too(tmp_path, override):
    overrides = [f"model.ssd.post_processing.{override}"]
    found = post_processing(tmp_path, overrides=overrides)
    assert not found.batch_non_max_suppression.HasField("iou_threshold")
    assert found.suppression.HasField("greedy_nms")


def test_a_message_that_is_not_there_stays_away(tmp_path):
    (tmp_path / "a.config").write_text(
        'base: "b.config" model { faster_rcnn { first_stage_suppression {} '
        "second_stage_post_processing { suppression {} } } }"
    )
    (tmp_path / "b.config").write_text(
        "model { faster_rcnn { first_stage_nms_iou_threshold: .5 } }"
    )
    model = load_config(tmp_path / "a.config").model.faster_rcnn
    assert not model.HasField("first_stage_nms_iou_threshold")
    post = model.second_stage_post_processing
    assert not post.HasField("batch_non_max_suppression")


def test_a_backbone_takes_the_place_of_a_type(tmp_path):
    (tmp_path / "base.config").write_text(
        "model { faster_rcnn { feature_extractor { "
        'type: "faster_rcnn_resnet50" first_stage_features_stride: 8 '
        "batch_norm_trainable: true } } }"
    )
    (tmp_path / "diff.config").write_text(
        'base: "base.config" model { faster_rcnn { feature_extractor { '
        "backbone { resnet {} } } } }"
    )
    merged = load_config(tmp_path / "diff.config").model.faster_rcnn.feature_extractor
    assert {field.name for field, _ in merged.ListFields()} == {
        "backbone",
        "batch_norm_trainable",
    }
