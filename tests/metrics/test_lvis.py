"""LVIS metrics: by hand, and against the definition, written plainly."""

import numpy as np
import pytest
from scenes import found, random_images, truth

from od_api.data.label_map import LabelMap
from od_api.metrics.lvis import LvisDetectionMetrics, LvisMaskMetrics
from od_api.pictures import rle
from od_api.protos import string_int_label_map_pb2

NAMES = [f"AP{kind}" for kind in ("", "50", "75", "s", "m", "l", "r", "c", "f")]
NAMES += [f"AR{kind}@300" for kind in ("", "s", "m", "l")]
A, B, FAR = [0, 0, 50, 50], [60, 60, 90, 90], [0, 60, 40, 95]


def classes(*frequencies):
    message = string_int_label_map_pb2.StringIntLabelMap()
    for i, frequency in enumerate(frequencies, start=1):
        message.item.add(id=i, name=f"class {i}", frequency=frequency)
    return LabelMap(message)


def measure(*images, label_map=None, kind=LvisDetectionMetrics):
    evaluator = kind(label_map or classes("RARE", "FREQUENT"))
    for i, image in enumerate(images, start=1):
        evaluator.add(i, *image)
    prefix = f"{evaluator.prefix}_"
    return {k.removeprefix(prefix): v for k, v in evaluator.result().items()}


def masked(rows):
    masks = np.zeros([len(rows["boxes"]), 100, 100])
    for mask, (ymin, xmin, ymax, xmax) in zip(masks, rows["boxes"], strict=True):
        mask[ymin:ymax, xmin:xmax] = 1
    return {**rows, "masks": rle.encode(masks)}


def test_names_and_frequencies():
    """The rare class is found and the frequent one is not; there is no common one."""
    image = truth([A, B], [0, 1]), found([A], [0.9], [0])
    result = measure(image)
    assert list(result) == NAMES
    assert (result["APr"], result["APf"], result["APc"]) == pytest.approx((1, 0, -1))
    assert (result["AP"], result["AR@300"]) == pytest.approx((1 / 2, 1 / 2))


def test_without_frequencies_theirs_cannot_be_measured():
    result = measure((truth([A]), found([A], [0.9])), label_map=classes(0))
    assert (result["AP"], result["APr"]) == pytest.approx((1, -1))


@pytest.mark.parametrize(
    "known, precision",
    [
        ({}, 1.0),
        ({"negative_classes": [1]}, 1 / 2),
        ({"negative_classes": [0]}, 1.0),
        ({"negative_classes": [1], "not_exhaustive_classes": [1]}, 1.0),
    ],
)
def test_a_false_alarm_counts_in_a_negative_class_alone(known, precision):
    """Class 1 is found in one image at .5; in another, without it, a .9."""
    one = truth([A], [1]), found([A], [0.5], [1])
    other = truth([B], [0], **known), found([FAR, B], [0.9, 0.8], [1, 0])
    result = measure(one, other)
    assert result["APf"] == pytest.approx(precision)
    assert result["APr"] == pytest.approx(1.0)


def test_not_exhaustive_forgives_in_a_class_with_objects():
    image = truth([A], not_exhaustive_classes=[0]), found([FAR, A], [0.9, 0.8])
    assert measure(image)["APr"] == pytest.approx(1.0)
    image = truth([A]), found([FAR, A], [0.9, 0.8])
    assert measure(image)["APr"] == pytest.approx(1 / 2)


def test_crowds_are_objects():
    image = truth([A, B], is_crowd=[True, False]), found([B], [0.9])
    assert measure(image)["AR@300"] == pytest.approx(1 / 2)


def test_what_has_no_area_does_not_count():
    """A detection without extent, above the hit, and an object without any."""
    nothing = [70, 70, 70, 70]
    image = truth([A, nothing]), found([nothing, A], [0.9, 0.8])
    result = measure(image)
    assert (result["APr"], result["AR@300"]) == pytest.approx((1, 1))


def test_the_best_300_of_an_image_count():
    """300 of another class push the only hit out."""
    boxes = [FAR] * 300 + [A]
    scores, kinds = [0.9] * 300 + [0.5], [1] * 300 + [0]
    assert measure((truth([A]), found(boxes, scores, kinds)))["APr"] == 0
    image = truth([A]), found(boxes[1:], scores[1:], kinds[1:])
    assert measure(image)["APr"] == pytest.approx(1)


def test_masks():
    """The box is right, and the mask is a fifth of it."""
    objects, detections = masked(truth([A])), masked(found([A], [0.9]))
    result = measure((objects, detections), kind=LvisMaskMetrics)
    assert result["APr"] == pytest.approx(1)
    detections["masks"] = masked(truth([[0, 0, 50, 10]]))["masks"]
    result = measure((objects, detections), kind=LvisMaskMetrics)
    assert result["APr"] == 0


@pytest.mark.parametrize("seed", range(2))
def test_equals_the_plain_definition(seed):
    rng = np.random.default_rng(50 + seed)
    images = []
    for _, objects, detections in random_images(seed):
        objects["negative_classes"] = np.flatnonzero(rng.random(3) < 0.5)
        objects["not_exhaustive_classes"] = np.flatnonzero(rng.random(3) < 0.3)
        images.append((objects, detections))
    result = measure(*images, label_map=classes("RARE", "COMMON", "FREQUENT"))
    for k, name in enumerate(("APr", "APc", "APf")):
        at = [_plain(images, k, iou) for iou in np.arange(0.5, 0.96, 0.05)]
        assert result[name] == pytest.approx(np.mean(at), abs=1e-6)
    assert 0.01 < result["AP"] < 0.9


def _plain(images, k, threshold):
    """AP at one IoU: 101 recalls, each with the best precision at it or beyond."""
    rows, total = [], 0
    for objects, detections in images:
        boxes = [
            b
            for b, c in zip(objects["boxes"], objects["classes"], strict=True)
            if c == k
        ]
        total += len(boxes)
        if not boxes and k not in objects["negative_classes"]:
            continue
        free = list(range(len(boxes)))
        order = np.argsort(-detections["scores"], kind="stable")
        ymin, xmin, ymax, xmax = detections["boxes"].T
        counts = (detections["classes"] == k) & (ymax > ymin) & (xmax > xmin)
        for i in order[counts[order]]:
            near = {j: _iou(detections["boxes"][i], boxes[j]) for j in free}
            best = max(near, key=lambda j: (near[j], j), default=None)
            if best is not None and near[best] >= threshold - 1e-9:
                free.remove(best)
                rows.append((detections["scores"][i], 1))
            elif k not in objects["not_exhaustive_classes"]:
                rows.append((detections["scores"][i], 0))
    rows.sort(key=lambda row: -row[0])
    hits = np.cumsum([hit for _, hit in rows])
    precision = hits / np.arange(1, len(hits) + 1)
    recall = hits / total
    points = np.linspace(0, 1, 101)
    return np.mean([max(precision[recall >= r], default=0) for r in points])


def _iou(a, b):
    a, b = np.float64(a), np.float64(b)
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inside = max(height, 0) * max(width, 0)
    both = sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return inside / (both - inside)
