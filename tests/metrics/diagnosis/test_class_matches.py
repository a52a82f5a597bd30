"""AP of samples of the images: as pycocotools has it of the images themselves."""

import numpy as np
import pytest
from scenes import NOTHING, Classes, found, random_images, truth

from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.diagnosis.class_matches import average_precisions

LABELS = Classes({1: "cat", 2: "dog", 3: "cow", 5: "never there"})
BOX = [0, 0, 10, 10]


def evaluated(images, **settings):
    metrics = CocoDetectionMetrics(LABELS, **settings)
    for i, (groundtruth, detections) in enumerate(images, start=1):
        metrics.add(i, groundtruth, detections)
    return metrics


def drawn(seed, images=12):
    """Without equal scores: of copies of an image, their order would count."""
    rng = np.random.default_rng(seed)
    rows = [(t, d) for _, t, d in random_images(seed, images=images)]
    for _, detections in rows:
        count = len(detections["scores"])
        detections["scores"] = rng.random(count).astype(np.float32)
    return rows


def test_ap_of_copies_is_that_of_pycocotools():
    images = drawn(3)
    rng = np.random.default_rng(5)
    copies = rng.integers(0, 3, (6, len(images)))
    matches = evaluated(images).matches()
    assert [m.class_id for m in matches] == [1, 2, 3, 5]
    assert any(m.ignored.any() for m in matches)
    ours = [average_precisions(m, copies) for m in matches]
    for number, sample in enumerate(copies):
        rows = [images[i] for i in np.repeat(np.arange(len(images)), sample)]
        scores = evaluated(rows).scores_of_classes()
        for class_id, values in zip(scores, ours, strict=True):
            ap = scores[class_id]["AP"]
            if ap < 0:
                assert np.isnan(values[number]).all()
            else:
                assert values[number].mean() == pytest.approx(ap, abs=1e-12)
                ap50 = scores[class_id]["AP50"]
                assert values[number][0] == pytest.approx(ap50, abs=1e-12)


def test_recall_points_round_as_in_pycocotools():
    """Of 100 objects any number is found: recall is a point of the curve, or an ulp
    beside it."""
    boxes = [[0, 20 * i, 10, 20 * i + 10] for i in range(100)]
    for number in (7, 29, 57, 58, 100):
        of_found = found(boxes[:number], np.linspace(0.9, 0.1, number))
        metrics = evaluated([(truth(boxes), of_found)])
        ours = average_precisions(metrics.matches()[0], np.ones((1, 1), int))
        ap = metrics.scores_of_classes()[1]["AP"]
        assert ours.mean() == pytest.approx(ap, abs=1e-9)


def test_fast_and_slow_match_alike():
    images = drawn(4)
    slow, fast = evaluated(images), evaluated(images, fast=True)
    for one, other in zip(slow.matches(), fast.matches(), strict=True):
        for name, value in one._asdict().items():
            assert np.array_equal(value, getattr(other, name)), name


def test_no_images_and_no_detections():
    assert evaluated([]).matches()[0].total == 0
    matches = evaluated([(truth([BOX]), found(NOTHING, []))]).matches()[0]
    assert matches.total == 1
    assert average_precisions(matches, np.array([[1], [0]]))[:, 0].tolist()[0] == 0.0
    assert np.isnan(average_precisions(matches, np.array([[0]]))).all()
