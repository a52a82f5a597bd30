"""Score converters and non-maximum suppression against the old API's."""

import golden_store
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import post_processing_pb2

CONVERTERS = golden_store.load("score_converters")
NMS = golden_store.load("nms")


def part_of(case):
    return build(
        text_format.Parse(case["config"], post_processing_pb2.PostProcessing())
    )


@pytest.mark.parametrize("name", sorted(set(CONVERTERS) - {"input"}))
def test_scores_are_the_old_ones(name):
    scores = part_of(CONVERTERS[name]).convert(CONVERTERS["input"]["logits"])
    np.testing.assert_allclose(scores, CONVERTERS[name]["scores"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", sorted(set(NMS) - {"input", "combined"}))
def test_detections_are_the_old_ones(name):
    """Boxes, scores, classes, counts and, where the old API gave them, anchor indices.

    Beyond the count the old API left what happened to be there; ours is zero.
    """
    given, case = NMS["input"], NMS[name]
    found = part_of(case).select(given["boxes"], given["scores"], given["window"])
    np.testing.assert_array_equal(found.count, case["out_count"])
    for image, count in enumerate(case["out_count"]):
        for ours, old in (
            (found.boxes, "out_boxes"),
            (found.scores, "out_scores"),
            (found.classes, "out_classes"),
            (found.anchor_indices, "out_index"),
        ):
            if old in case:
                np.testing.assert_allclose(
                    ours[image, :count], case[old][image, :count], rtol=1e-5, atol=1e-6
                )
        assert not np.any(found.scores[image, count:])


def test_combined_suppression_differs_by_boxes_outside_the_window():
    """The old API's `use_combined_nms` clipped boxes after cutting the list.

    So a box wholly outside the window stayed in the list, turned inside out
    (ymin > ymax) by the clipping. Ours drops it: the rest is the same, moved up.
    """
    given, case = NMS["input"], NMS["combined"]
    found = part_of(case).select(given["boxes"], given["scores"], given["window"])
    outside = 0
    for image, count in enumerate(case["out_count"]):
        boxes = case["out_boxes"][image, :count]
        real = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
        outside += np.sum(~real)
        for ours, old in (
            (found.boxes, "out_boxes"),
            (found.scores, "out_scores"),
            (found.classes, "out_classes"),
        ):
            old = case[old][image, :count][real]
            np.testing.assert_allclose(ours[image, : len(old)], old, rtol=1e-5)
    assert outside > 0
