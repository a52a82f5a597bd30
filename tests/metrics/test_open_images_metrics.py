"""Open Images' metrics: by hand, and against the definition, written plainly."""

import numpy as np
import pytest
from scenes import CATS_AND_DOGS, Classes, found, random_images, truth

from od_api.metrics.metrics_sets import build_evaluators
from od_api.protos import eval_pb2

A, B, GROUP = [0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 40, 40]
FAR = [80, 80, 90, 90]
THREE = Classes({1: "cat", 2: "dog", 3: "cow"})
V2, CHALLENGE = "oid_V2_detection_metrics", "oid_challenge_detection_metrics"
PREFIX = {V2: "OpenImagesV2", CHALLENGE: "OpenImagesDetectionChallenge"}


def measure(key, *images, label_map=CATS_AND_DOGS, **settings):
    """{what: number}, of the whole and of each class, without their prefix."""
    config = eval_pb2.EvalConfig(metrics_set=[key], **settings)
    (evaluator,) = build_evaluators(config, label_map)
    for i, image in enumerate(images, start=1):
        evaluator.add(i, *image)
    names = evaluator.result()
    start = f"{PREFIX[key]}_P"
    assert all(name.startswith(start) for name in names)
    return {name.rpartition("/")[2]: value for name, value in names.items()}


def with_group():
    """One cat and a group of cats; a miss of .9, the cat of .8, in the group .7."""
    return (
        truth([A, GROUP], group_of=[False, True]),
        found([FAR, A, B], [0.9, 0.8, 0.7]),
    )


def test_names_are_the_old_ones():
    (evaluator,) = build_evaluators(
        eval_pb2.EvalConfig(metrics_set=[CHALLENGE]), CATS_AND_DOGS
    )
    assert list(evaluator.result()) == [
        "OpenImagesDetectionChallenge_Precision/mAP@0.5IOU",
        "OpenImagesDetectionChallenge_PerformanceByCategory/AP@0.5IOU/cat",
        "OpenImagesDetectionChallenge_PerformanceByCategory/AP@0.5IOU/dog",
    ]


def test_v2_leaves_groups_out():
    """One cat, found after a miss: precision 1/2."""
    assert measure(V2, with_group())["cat"] == pytest.approx(1 / 2)


def test_the_challenge_counts_a_group_as_an_object():
    """Recall 1/2, 1 with precision 1/2, 2/3: 2/3 everywhere."""
    assert measure(CHALLENGE, with_group())["cat"] == pytest.approx(2 / 3)


def test_classes_that_nobody_verified_do_not_count():
    """The dog's false alarm outscores the dog of another image, whose record says
    nothing of classes; in the first image somebody looked for cats alone, or for cats
    and dogs, or nobody for anything."""
    dog = truth([A], [1]), found([A], [0.5], [1])

    def dogs(verified, **settings):
        image = truth([A], [0], verified_classes=verified), found([A], [0.9], [1])
        return measure(CHALLENGE, image, dog, **settings)["dog"]

    assert dogs([0]) == pytest.approx(1.0)
    assert dogs([0, 1]) == pytest.approx(1 / 2)
    assert dogs([]) == pytest.approx(1.0)
    assert dogs(None) == pytest.approx(1 / 2)
    none = {"image_classes_field_map_empty_to_ones": False}
    assert dogs(None, **none) == pytest.approx(1.0)


def test_a_class_with_a_box_counts_without_being_verified():
    image = truth([A], [0], verified_classes=[1]), found([FAR, A], [0.9, 0.8])
    assert measure(CHALLENGE, image)["cat"] == pytest.approx(1 / 2)


def test_difficult_objects_are_objects():
    image = truth([A, B], difficult=[True, False]), found([A], [0.9])
    assert measure(V2, image)["cat"] == pytest.approx(1 / 2)


def test_the_old_name_of_v2_is_an_alias():
    config = eval_pb2.EvalConfig(metrics_set=["open_images_V2_detection_metrics"])
    (evaluator,) = build_evaluators(config, CATS_AND_DOGS)
    assert evaluator.main_metric == "OpenImagesV2_Precision/mAP@0.5IOU"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("key", [V2, CHALLENGE])
def test_equals_the_plain_definition(key, seed):
    rng = np.random.default_rng(100 + seed)
    images = []
    for _, objects, detections in random_images(seed):
        objects["group_of"] = rng.random(len(objects["boxes"])) < 0.3
        objects["verified_classes"] = np.flatnonzero(rng.random(3) < 0.5)
        images.append((objects, detections))
    got = measure(key, *images, label_map=THREE)
    for k, name in enumerate(("cat", "dog", "cow")):
        assert got[name] == pytest.approx(_plain(images, k, key == CHALLENGE))
    assert 0.02 < got["mAP@0.5IOU"] < 0.98


def _plain(images, k, challenge):
    """AP of class k: one detection at a time, then the area under the envelope."""
    rows, total = [], 0
    for objects, detections in images:
        own = objects["classes"] == k
        boxes, is_group = objects["boxes"][own], objects["group_of"][own]
        single, groups = boxes[~is_group], boxes[is_group]
        total += len(single) + (len(groups) if challenge else 0)
        if challenge and k not in objects["verified_classes"] and not own.any():
            continue
        mine = [
            (s, b)
            for s, b, c in zip(*_columns(detections), strict=True)
            if c == k and b[2] > b[0] and b[3] > b[1]
        ]
        found_objects, in_group = set(), {}
        for score, box in sorted(mine, key=lambda row: -row[0]):
            overlaps = [_overlap(box, b)[0] for b in single]
            shares = [_overlap(box, b)[1] for b in groups]
            best = int(np.argmax(overlaps)) if overlaps else None
            is_near = best is not None and overlaps[best] >= 0.5
            if is_near and best not in found_objects:
                found_objects.add(best)
                rows.append((score, 1))
            elif max(shares, default=0) >= 0.5:
                in_group.setdefault(int(np.argmax(shares)), score)
            else:
                rows.append((score, 0))
        rows += [(score, 1) for score in in_group.values() if challenge]
    rows.sort(key=lambda row: -row[0])
    hits = [hit for _, hit in rows]
    precisions = [sum(hits[: n + 1]) / (n + 1) for n in range(len(hits))]
    return sum(max(precisions[n:]) for n, hit in enumerate(hits) if hit) / total


def _columns(detections):
    return (detections[name] for name in ("scores", "boxes", "classes"))


def _overlap(a, b):
    """IoU, and the part of a's own area that is in b."""
    a, b = np.float64(a), np.float64(b)
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inside = max(height, 0) * max(width, 0)
    own, other = ((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return inside / (own + other - inside), inside / own


def test_records_without_verified_classes_are_told(caplog):
    images = truth([A]), found([A], [0.9])
    measure(V2, images)
    assert "no record has" not in caplog.text
    measure(CHALLENGE, images)
    assert "no record has image/class/text or image/class/label" in caplog.text
