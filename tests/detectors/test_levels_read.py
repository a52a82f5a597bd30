"""Which maps each stage reads: defaults, choices and refusals, with a neck or none."""

import numpy as np
import pytest
import tiny_two_stage
import two_stage_kit as kit
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.protos import backbone_pb2, pipeline_pb2

MOBILENET = "mobilenet_v2 { depth_multiplier: 0.35 FIELDS }"
FPN = "neck { fpn { min_level: 3 max_level: 5 depth: 16 } }"
SSD = 'neck { ssd_feature_maps { levels: ["C3", "C4"] extra_depths: 16 } }'
GRID = """first_stage_anchor_generator {
  grid_anchor_generator { scales: 1.0 aspect_ratios: 1.0 }
}"""
LEVELS = """first_stage_anchor_generator { multiscale_anchor_generator {
  min_level: 3 max_level: 5 anchor_scale: 4 aspect_ratios: 1.0 scales_per_octave: 1
} }"""
RFCN = "second_stage_box_predictor { rfcn_box_predictor { depth: 8 } }"


def detector(neck="", fields="", backbone=MOBILENET, settings=""):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_two_stage.MODELS["faster_rcnn"], config)
    message = config.model.faster_rcnn
    message.ClearField("feature_extractor")
    message.ClearField("first_stage_anchor_generator")
    if "second_stage_box_predictor" in fields:
        message.ClearField("second_stage_box_predictor")
    backbone = backbone.replace("FIELDS", settings)
    anchors = LEVELS if "fpn" in neck and "proposal_levels" not in fields else GRID
    text_format.Merge(
        f"feature_extractor {{ backbone {{ {backbone} }} {neck} }} {anchors} {fields}",
        message,
    )
    return build_field(config, "model")


def test_every_backbone_can_be_cut_in_two():
    """But hourglasses, whose maps are all of one stride, HRNet, Fast-SCNN and
    SpaghettiNet, whose finest maps need the coarsest, and what stands beside another
    backbone or above."""
    whole = {
        field.name
        for field in backbone_pb2.Backbone.DESCRIPTOR.fields
        if "second_stage" not in field.message_type.fields_by_name
    }
    around = {"light_scratch", "objectness_gate"}
    assert whole == {"hourglass", "hrnet", "fast_scnn", "spaghettinet", *around}


@pytest.mark.parametrize(
    ("neck", "settings", "fields", "proposals", "regions"),
    [
        ("", "", "", ["C4"], ["C4"]),
        ("", "second_stage: false", "", ["C5"], ["C5"]),
        ("", "", 'proposal_levels: "C3"', ["C3"], ["C4"]),
        (FPN, "", "", ["P3", "P4", "P5"], ["P3", "P4", "P5"]),
        (FPN, "", 'region_levels: ["P3", "P4"]', ["P3", "P4", "P5"], ["P3", "P4"]),
        (FPN, "", 'proposal_levels: "P4"', ["P4"], ["P4"]),
        (FPN, "", f'region_levels: "P4" {RFCN}', ["P3", "P4", "P5"], ["P4"]),
        (SSD, "", 'proposal_levels: "E1" region_levels: "C3"', ["E1"], ["C3"]),
        # The neck is for the proposals alone, and the second stage goes on from C4.
        (
            SSD,
            "second_stage: true",
            'proposal_levels: "E1"',
            ["E1"],
            ["C4"],
        ),
    ],
)
def test_levels(neck, settings, fields, proposals, regions):
    model = detector(neck, fields, settings=settings)
    assert model.proposal_levels == tuple(proposals)
    assert model.region_levels == tuple(regions)


@pytest.mark.parametrize(
    ("neck", "settings", "fields"),
    [
        ("", "second_stage: false", ""),
        (FPN, "", f'region_levels: "P4" {RFCN}'),
        (SSD, "second_stage: true", 'proposal_levels: "E1"'),
    ],
)
def test_a_step(neck, settings, fields):
    """Losses are finite, and every head gets gradients."""
    model = detector(neck, fields, settings=settings)
    losses, gradients = kit.training_losses(model, kit.targets())
    assert np.isfinite([float(x) for x in losses.values()]).all()
    heads = [g for name, g in gradients.items() if "predictor" in name]
    assert heads and all(g is not None for g in heads)


@pytest.mark.parametrize(
    ("neck", "settings", "fields", "place", "says"),
    [
        ("", "", 'proposal_levels: "P3"', "proposal_levels[0]", "no map 'P3', but C2"),
        (FPN, "", 'region_levels: ["P3", "P9"]', "region_levels[1]", "no map 'P9'"),
        (FPN, "", 'region_levels: ["P3", "P3"]', "region_levels[1]", "P3 twice"),
        (FPN, "", 'region_levels: ["P4", "P3"]', "region_levels", "coarse to fine"),
        ("", "", 'region_levels: "C3"', "region_levels", "goes on from C4"),
        (SSD, "", 'proposal_levels: "C3"\nregion_levels: ["C3", "C4"]', "region_levels",
         "channels differ"),
        (SSD, "", "", "region_levels", "channels differ"),
        (FPN, "", RFCN, "second_stage_box_predictor.rfcn_box_predictor", "one map"),
        (FPN.replace("5", "4"), "", "", "first_stage_anchor_generator", "2 levels"),
        (
            'neck { ssd_feature_maps { levels: "C9" } }',
            "",
            "",
            "feature_extractor.neck",
            "no C9",
        ),
        (
            "",
            "",
            'number_of_stages: 1 region_levels: "C4"',
            "region_levels",
            "no regions are read",
        ),
    ],
)  # fmt: skip
def test_refusals(neck, settings, fields, place, says):
    with pytest.raises(ConfigError, match=says) as caught:
        detector(neck, fields, settings=settings)
    assert caught.value.field_path == f"model.faster_rcnn.{place}"


def test_a_pyramid_needs_strides_that_double():
    backbone = "mobilenet_v1 { depth_multiplier: 0.25 output_stride: 16 }"
    with pytest.raises(ConfigError, match="C5 has a stride of 16 and P5") as caught:
        detector(FPN, backbone=backbone)
    assert caught.value.field_path == "model.faster_rcnn.feature_extractor.neck"
