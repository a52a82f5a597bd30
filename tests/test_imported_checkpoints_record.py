"""benchmarks/imported_checkpoints.json: models find what the old ones did."""

import json
import pathlib

import pytest

BENCHMARKS = pathlib.Path(__file__).parent.parent / "benchmarks"
RECORD = json.loads((BENCHMARKS / "imported_checkpoints.json").read_text())
COMPARED = {r["model"]: r for r in RECORD["models"] if "detections" in r}


@pytest.mark.parametrize("name", COMPARED)
def test_boxes_scores_and_masks_are_the_old_ones(name):
    row = COMPARED[name]
    assert row["new"] == 0 and row["detections"] == row["ours"] > 10
    assert row["largest_box_difference_px"] < 1e-3
    assert row["largest_score_difference"] < 1e-4
    assert row.get("largest_mask_difference", 0) < 1e-4
    assert row["median_box_side_px"] > 10 and row["largest_score"] > 0.1


def test_other_files_of_a_model_hold_the_same_weights():
    others = [r for r in RECORD["models"] if "detections" not in r]
    assert len(others) > len(COMPARED)
    assert all(row["same_weights_as_the_first"] for row in others)


def test_every_family_was_compared():
    families = {
        "faster_rcnn_inception_resnet_v2_tf1",
        "faster_rcnn_inception_v2_tf1",
        "faster_rcnn_resnet50_fpn_tf2",
        "faster_rcnn_resnet50_tf1",
        "faster_rcnn_resnet50_tf2",
        "mask_rcnn_inception_v2_tf1",
        "mask_rcnn_resnet50_tf2",
        "rfcn_resnet101_tf1",
        "ssd_inception_v2_tf1",
        "ssd_mobilenet_v1_tf1",
        "ssd_mobilenet_v2_fpnlite_tf1",
        "ssd_mobilenet_v2_fpnlite_tf2",
        "ssd_mobilenet_v2_tf2",
        "ssd_resnet101_v1_fpn_tf1",
        "ssd_resnet101_v1_fpn_tf2",
        "ssd_resnet152_v1_fpn_tf1",
        "ssd_resnet152_v1_fpn_tf2",
    }
    assert families <= set(COMPARED)
