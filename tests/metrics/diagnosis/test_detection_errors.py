"""Kinds of errors and their costs: by hand, and as tidecv has them."""

import json
import pathlib

import numpy as np
import pytest
from scenes import NOTHING, found, truth

from od_api.metrics.diagnosis import detection_errors as errors
from od_api.metrics.image_records import ImageRecords

RECORD = pathlib.Path(__file__).parents[3] / "benchmarks" / "tide_cases.json"
TIDECV = json.loads(RECORD.read_text())
BOX, BESIDE = [10, 10, 50, 50], [10, 30, 50, 70]  # IoU 1/3
KIND = {name: number for number, name in enumerate(errors.KINDS)}


def of(groundtruth, detections):
    records = ImageRecords()
    records.put(1, groundtruth, detections)
    return errors.errors_of_image(*records[1])


def kinds_of(groundtruth, detections):
    names = [*errors.KINDS, "right"]
    return [names[kind] for kind in of(groundtruth, detections).kinds]


@pytest.mark.parametrize(
    ("box", "kind", "expected"),
    [
        (BOX, 0, "right"),
        (BESIDE, 0, "localisation"),
        (BOX, 1, "classification"),
        (BESIDE, 1, "both"),
        ([200, 200, 210, 210], 0, "background"),
    ],
)
def test_one_detection_of_one_object(box, kind, expected):
    assert kinds_of(truth([BOX]), found([box], [0.9], [kind])) == [expected]


def test_the_second_of_two_is_a_duplicate_whatever_their_order():
    image = of(truth([BOX]), found([BOX, BOX], [0.5, 0.9]))
    assert image.order.tolist() == [1, 0]
    assert image.kinds.tolist() == [errors.RIGHT, KIND["duplicate"]]
    assert image.claims.tolist() == [0, -1]


def test_an_object_is_missed_where_no_curable_error_is_about_it():
    far = [100, 100, 120, 120]
    image = of(truth([BOX, far]), found([BESIDE], [0.9]))
    assert image.unclaimed.tolist() == [True, True]
    assert image.missed.tolist() == [False, True]
    assert of(truth([BOX]), found(NOTHING, [])).missed.tolist() == [True]


def test_what_an_error_costs():
    """Two objects of one class; one is found, and a better-scored detection is beside
    the other. AP is precision 1/2 up to recall 1/2: 51 of 101 points. Placed well, it
    would be 1, and left out, 51/101."""
    far = [100, 100, 140, 140]
    image = of(truth([far, BOX]), found([far, BESIDE], [0.5, 0.9]))
    costs = errors.costs([image])
    assert costs["AP50"] == pytest.approx(51 / 101 / 2)
    loss = costs["errors"]["localisation"]
    assert loss == {"count": 1, "dAP": pytest.approx(1 - 51 / 101 / 2)}
    assert costs["errors"]["missed"] == {"count": 0, "dAP": 0.0}
    assert costs["false_positives"] == pytest.approx(51 / 101 / 2)
    assert costs["false_negatives"] == pytest.approx(1 / 2 - 51 / 101 / 2)


def test_without_anything_there_are_no_costs():
    assert errors.costs([]) is None
    assert errors.costs([of(truth(NOTHING), found(NOTHING, []))]) is None


def corners(boxes):
    x, y, width, height = np.array(boxes, float).reshape(-1, 4).T
    return np.stack([y, x, y + height, x + width], axis=1)


def recorded(image):
    """An image of the record as evaluators take it."""
    kinds, boxes, crowds = zip(*image["truths"], strict=True) if image["truths"] else (
        (), (), ()
    )  # fmt: skip
    of_found = image["detections"]
    classes, places, scores = zip(*of_found, strict=True) if of_found else ((), (), ())
    crowds = np.array(crowds, bool)
    return of(
        truth(corners(boxes), np.array(kinds, int), is_crowd=crowds),
        found(corners(places), scores, np.array(classes, int)),
    )


@pytest.mark.parametrize("case", TIDECV["cases"], ids=lambda case: case["name"])
def test_counts_and_costs_are_those_of_tidecv(case):
    ours = errors.costs([recorded(image) for image in case["images"]])
    theirs = case["tidecv"]
    for kind, row in theirs["errors"].items():
        assert ours["errors"][kind] == pytest.approx(row, abs=1e-9), kind
    for name in ("AP50", "false_positives", "false_negatives"):
        assert ours[name] == pytest.approx(theirs[name], abs=1e-9), name


def test_the_record_has_every_kind_of_error():
    together = [case["tidecv"]["errors"] for case in TIDECV["cases"]]
    for kind in errors.KINDS:
        assert sum(row[kind]["count"] for row in together) > 20, kind
        assert max(row[kind]["dAP"] for row in together) > 0.01, kind
