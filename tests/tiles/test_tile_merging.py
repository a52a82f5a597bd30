"""What tiles give, merged as a config says, by values."""

import logging

import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.errors import ConfigError, UserError
from od_api.protos import pipeline_pb2
from od_api.tiles.tile_merging import TileMerging

NMS = "batch_non_max_suppression { %s }"


def merging(post_processing, inference=""):
    config = text_format.Parse(
        f"model {{ ssd {{ post_processing {{ {post_processing} }} }} }} {inference}",
        pipeline_pb2.TrainEvalPipelineConfig(),
    )
    return TileMerging.of_config(config)


def found(*rows):
    """Rows of (box, score, class)."""
    boxes, scores, classes = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "scores": np.array(scores, np.float32),
        "classes": np.array(classes, int),
        "masks": np.arange(len(boxes)),
    }


BOX, NEAR, FAR = [0, 0, 10, 10], [0, 1, 10, 11], [30, 30, 40, 90]


def test_by_class_with_what_belongs_to_the_rows():
    """NEAR overlaps BOX by 9 / 11: of its class it goes, of another it stays."""
    tiles = [
        found((BOX, 0.9, 1), (FAR, 0.4, 1)),
        found(),
        found((NEAR, 0.8, 1), (NEAR, 0.7, 2)),
    ]
    merged = merging(NMS % "iou_threshold: 0.5")(tiles, 40, 80)
    np.testing.assert_allclose(merged["boxes"], [BOX, NEAR, [30, 30, 40, 80]])
    np.testing.assert_allclose(merged["scores"], [0.9, 0.7, 0.4])
    assert merged["classes"].tolist() == [1, 2, 1]
    assert merged["masks"].tolist() == [0, 1, 1]


def test_over_all_classes():
    tiles = [found((BOX, 0.9, 1)), found((NEAR, 0.8, 1), (NEAR, 0.7, 2))]
    merged = merging(NMS % "iou_threshold: 0.5 use_class_agnostic_nms: true")(
        tiles, 40, 80
    )
    assert merged["classes"].tolist() == [1]


def test_counts_and_threshold_are_of_the_image(caplog):
    """Far from each other: two of a class and three in all, none below .3."""
    places = [[0, 20 * i, 10, 20 * i + 10] for i in range(8)]
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.2, 0.35]
    classes = [1, 1, 1, 2, 2, 2, 3, 3]
    tiles = [found(row) for row in zip(places, scores, classes, strict=True)]
    counts = "max_detections_per_class: 2 max_total_detections: 3 score_threshold: .3"
    with caplog.at_level(logging.WARNING):
        merged = merging(NMS % counts)(tiles, 40, 200)
    np.testing.assert_allclose(merged["scores"], [0.9, 0.8, 0.6])
    assert "max_total_detections (3)" in caplog.text


def test_nothing_found_stays_nothing():
    merged = merging("")([found(), found()], 40, 80)
    assert merged["boxes"].shape == (0, 4) and merged["masks"].shape == (0,)


def test_any_suppression_of_the_config():
    """Soft: exp(-(9 / 11)^2 / .5) = .2621 of .8."""
    merge = merging("suppression { soft_nms { sigma: 0.5 } }")
    merged = merge([found((BOX, 0.9, 1)), found((NEAR, 0.8, 1))], 40, 80)
    np.testing.assert_allclose(merged["scores"], [0.9, 0.8 * 0.2621], rtol=1e-3)


def test_a_pyramid_s_own_comes_first():
    own = f"inference {{ image_pyramid {{ {NMS % 'max_total_detections: 1'} "
    own = own.replace("{ max", "{ max_detections_per_class: 1 max") + "} }"
    merged = merging(NMS % "", own)([found((BOX, 0.9, 1)), found((FAR, 0.8, 1))], 9, 99)
    assert len(merged["scores"]) == 1


def test_without_a_config_it_says_by_what(caplog):
    with caplog.at_level(logging.WARNING):
        merge = TileMerging.of_config(pipeline_pb2.TrainEvalPipelineConfig())
    assert "IoU of 0.6" in caplog.text
    assert (
        len(merge([found((BOX, 0.9, 1)), found((NEAR, 0.8, 1))], 40, 80)["scores"]) == 1
    )


def test_a_suppression_that_reads_columns_is_refused():
    with pytest.raises(UserError, match="reads 'level'"):
        merging("suppression { set_nms { column: 'level' } }")


def test_a_bad_value_has_its_place():
    with pytest.raises(ConfigError) as error:
        merging(NMS % "iou_threshold: 2")
    assert error.value.field_path == (
        "model.ssd.post_processing.batch_non_max_suppression.iou_threshold"
    )
