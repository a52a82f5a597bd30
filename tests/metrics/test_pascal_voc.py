import numpy as np
import pytest
from scenes import CATS_AND_DOGS, NOTHING, Classes, found, random_images, truth

from od_api.metrics.pascal_voc import PascalVocMetrics, average_precision

A, B, C = [0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]
MEAN = "PascalBoxes_Precision/mAP@0.5IOU"
OF_CAT, OF_DOG = (
    f"PascalBoxes_PerformanceByCategory/AP@0.5IOU/{name}" for name in ("cat", "dog")
)


def measure(images, label_map=CATS_AND_DOGS, **settings):
    evaluator = PascalVocMetrics(label_map, **settings)
    for i, image in enumerate(images, start=1):
        evaluator.add(i, *image)
    return evaluator.result()


def test_area_under_the_curve():
    """Recall .25, .5, .5, .75 with precision 1, 1, 2/3, 3/4. Raised to the best one on
    the right: 1, 1, 3/4, 3/4. Area .25 + .25 + 0 + .25 * 3/4 = .6875."""
    recall = np.array([0.25, 0.5, 0.5, 0.75])
    precision = np.array([1, 1, 2 / 3, 3 / 4])
    assert average_precision(recall, precision) == pytest.approx(0.6875)
    assert average_precision(np.zeros(0), np.zeros(0)) == 0.0


def test_hand_checked_image():
    """Four cats; by score: hit, hit, miss, hit, and one cat is never found: the curve
    of the test above. No dogs: NaN, and not part of the mean."""
    boxes = [A, B, [100, 100, 110, 110], C]
    images = [(truth([A, B, C, [60, 60, 70, 70]]), found(boxes, [0.9, 0.8, 0.7, 0.6]))]
    result = measure(images)
    assert result[OF_CAT] == result[MEAN] == pytest.approx(0.6875)
    assert np.isnan(result[OF_DOG])


def test_the_second_detection_of_an_object_is_wrong():
    """Precision 1/2 at recall 1 would be .75 in all, were the duplicate between."""
    images = [(truth([A, B]), found([A, A, B], [0.9, 0.8, 0.7]))]
    assert measure(images)[MEAN] == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_a_detection_answers_for_the_object_it_overlaps_most():
    """Both overlap A most; the second one would match B at IoU .5 exactly in COCO."""
    objects = [[0, 0, 10, 10], [0, 0, 10, 20]]
    images = [(truth(objects), found([A, A], [0.9, 0.8]))]
    assert measure(images)[MEAN] == pytest.approx(0.5)


def test_an_iou_of_a_half_is_enough():
    assert measure([(truth([[0, 0, 2, 1]]), found([[0, 0, 1, 1]], [0.5]))])[MEAN] == 1.0


def test_difficult_objects_neither_count_nor_make_wrong():
    """The difficult one is detected twice with the best scores: as if it were not."""
    groundtruth = truth([A, B], difficult=[True, False])
    images = [(groundtruth, found([A, A, B], [0.9, 0.8, 0.7]))]
    assert measure(images)[MEAN] == pytest.approx(1.0)
    only_difficult = [(truth([A], difficult=[True]), found([A], [0.9]))]
    assert np.isnan(measure(only_difficult)[MEAN])


def test_detections_without_area_are_dropped():
    images = [(truth([A]), found([[5, 5, 5, 9], A], [0.9, 0.8]))]
    assert measure(images)[MEAN] == pytest.approx(1.0)


def test_images_without_objects_or_detections():
    """A false alarm above the hit, and one object that is missed: .5 * .5."""
    images = [
        (truth([A]), found([A], [0.5])),
        (truth(NOTHING), found([A], [0.9])),
        (truth([A]), found(NOTHING, [])),
    ]
    assert measure(images)[MEAN] == pytest.approx(0.25)
    assert np.isnan(measure([])[MEAN])


def test_weighted_mean_pools_the_classes():
    """Cats: 3 of 3 found. Dogs: none of 1, but a false alarm that outscores the cats.
    In one list: miss, hit, hit, hit; precision 3/4 up to recall 3/4: 9/16."""
    images = [
        (
            truth([A, B, C, A], [0, 0, 0, 1]),
            found([C, A, B, C], [0.9, 0.8, 0.7, 0.6], [1, 0, 0, 0]),
        )
    ]
    assert measure(images)[MEAN] == pytest.approx(0.5)
    result = measure(images, weighted=True, prefix="WeightedPascalBoxes")
    mean = result["WeightedPascalBoxes_Precision/mAP@0.5IOU"]
    assert mean == pytest.approx(9 / 16)


def test_recall_bounds_cut_the_curve():
    """Of recall .25, .5, .5, .75 only .5 to .6 counts: precision 1 from 0 to .5."""
    boxes = [A, B, [100, 100, 110, 110], C]
    images = [(truth([A, B, C, [60, 60, 70, 70]]), found(boxes, [0.9, 0.8, 0.7, 0.6]))]
    result = measure(images, prefix="PrecisionAtRecallBoxes", recall_bounds=(0.4, 0.6))
    name = "PrecisionAtRecallBoxes_Precision/mAP@0.5IOU@[0.4,0.6]Recall"
    assert result[name] == pytest.approx(0.5)


def test_counts_and_curves():
    boxes = [A, B, [100, 100, 110, 110], C]
    evaluator = PascalVocMetrics(CATS_AND_DOGS)
    evaluator.add(1, truth([A, B, C]), found(boxes, [0.9, 0.8, 0.7, 0.6]))
    cat, dog = evaluator.per_class()
    assert (cat["groundtruth"], cat["detections"]) == (3, 4)
    assert (dog["groundtruth"], dog["detections"]) == (0, 0)
    curve = evaluator.curves()["cat"]
    np.testing.assert_allclose(curve["recall"], [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(curve["precision"], [1, 1, 3 / 4])
    np.testing.assert_allclose(curve["scores"], [0.9, 0.8, 0.6])
    assert list(evaluator.curves()) == ["cat"]


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_plain_definition(seed):
    images = list(random_images(seed))
    result = measure(
        [image[1:] for image in images], Classes({1: "cat", 2: "dog", 3: "cow"})
    )
    expected = [_plain_ap(images, k) for k in range(3)]
    assert min(expected) > 0.05
    assert result[MEAN] == pytest.approx(np.mean(expected), abs=1e-9)


def _plain_ap(images, k):
    """One detection at a time over all images, then the integral of the best
    precision at each recall or above, one object's worth of recall after the other."""
    rows, total, taken = [], 0, set()
    for image_id, t, d in images:
        of_class = np.flatnonzero(t["classes"] == k)
        total += int(np.sum(~t["difficult"][of_class]))
        rows += [
            (-s, order, image_id, box, t, of_class)
            for order, (box, s, c) in enumerate(
                zip(d["boxes"], d["scores"], d["classes"], strict=True)
            )
            if c == k and box[2] > box[0] and box[3] > box[1]
        ]
    outcome = []
    for _, _, image_id, box, t, of_class in sorted(
        rows, key=lambda r: r[:3:2] + r[1:2]
    ):
        overlaps = [_iou(box, t["boxes"][j]) for j in of_class]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best < 0 or overlaps[best] < 0.5:
            outcome.append(False)
        elif not t["difficult"][of_class[best]]:
            outcome.append((image_id, best) not in taken)
            taken.add((image_id, best))
    precision_at = {}
    for n in range(1, len(outcome) + 1):
        right = sum(outcome[:n])
        precision_at[right] = max(precision_at.get(right, 0), right / n)
    return (
        sum(
            max([p for right, p in precision_at.items() if right >= i], default=0)
            for i in range(1, total + 1)
        )
        / total
    )


def _iou(a, b):
    a, b = np.float64(a), np.float64(b)
    h = min(a[2], b[2]) - max(a[0], b[0])
    w = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(h, 0) * max(w, 0)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return overlap / (areas - overlap)
