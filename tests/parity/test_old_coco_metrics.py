"""COCO metrics against the old API's evaluator, crowds and empty images included."""

import types

import golden_store
import pytest

from od_api.metrics.coco import CocoDetectionMetrics

CASE = golden_store.load("coco")["boxes"]
NAMES = {1: "ant", 2: "bee", 4: "cat"}


def test_metrics_are_the_old_ones():
    """Twelve images; 3 has no ground truth, 5 no detections, 7 neither."""
    label_map = types.SimpleNamespace(ids=sorted(NAMES), name=NAMES.get)
    evaluator = CocoDetectionMetrics(label_map)
    for image in range(12):
        truth, found = CASE["gt_image"] == image, CASE["dt_image"] == image
        evaluator.add(
            image,
            {
                "boxes": CASE["gt_boxes"][truth],
                "classes": CASE["gt_classes"][truth] - 1,
                "is_crowd": CASE["gt_is_crowd"][truth].astype(bool),
            },
            {
                "boxes": CASE["dt_boxes"][found],
                "scores": CASE["dt_scores"][found],
                "classes": CASE["dt_classes"][found] - 1,
            },
        )
    ours = evaluator.result()
    old = dict(zip(CASE["metric_names"].tolist(), CASE["metrics"], strict=True))
    assert set(old) <= set(ours)
    assert {name: ours[name] for name in old} == pytest.approx(old, abs=1e-6)
