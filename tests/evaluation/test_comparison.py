"""What two evaluations have to have in common, and what differs between them."""

import numpy as np
import pytest
from scenes import CATS_AND_DOGS, NOTHING, Classes, found, truth

from od_api.core.errors import UserError
from od_api.evaluation.comparison import as_text, compared
from od_api.metrics.diagnosis.diagnosis import Diagnosing

BOX, FAR = [0, 0, 10, 10], [50, 50, 90, 90]


def diagnosed(images, labels=CATS_AND_DOGS):
    """A Diagnosis of {name: (groundtruth, detections)}."""
    diagnosing = Diagnosing(labels, samples=0)
    for name, (groundtruth, detections) in images.items():
        image = {"groundtruth": groundtruth, "detections": detections}
        diagnosing.add(int(name), {**image, "source_id": name.encode()})
    return diagnosing.result()


MISS = truth([BOX]), found(NOTHING, [])
HIT = truth([BOX]), found([BOX], [0.9])
DOG = truth([FAR], [1]), found([FAR], [0.9], [1])
ONE = {"1": MISS, "2": HIT, "3": DOG}


def test_what_the_second_has_more():
    """It finds the cat of image 1: AP of cats from 51/101 to 1, of dogs 1 in both."""
    report = compared(diagnosed(ONE), diagnosed({**ONE, "1": HIT}), 100)
    gained = report["difference"]
    assert gained["mAP"]["value"] == pytest.approx(50 / 101 / 2)
    assert 0 <= gained["mAP"]["low"] < gained["mAP"]["high"] <= 1
    assert 0.5 < gained["second_is_higher"] < 1
    cat, dog = report["classes"]
    assert cat["difference"] == pytest.approx(50 / 101) and dog["difference"] == 0
    missed = report["errors"]["missed"]
    assert missed == {"first": pytest.approx(50 / 101 / 2), "second": 0.0}
    text = as_text(report, ["a", "[b]"])
    assert "second: [b]" in text and "+0.495" in text


def test_the_order_of_images_does_not_count():
    turned = {name: ONE[name] for name in "312"}
    report = compared(diagnosed(ONE), diagnosed(turned), 50)
    assert set(report["difference"]["mAP"].values()) == {0.0}


@pytest.mark.parametrize(
    ("other", "labels", "message"),
    [
        (
            {"1": MISS, "2": HIT},
            CATS_AND_DOGS,
            "the second has no image 3, and lacks 1",
        ),
        ({**ONE, "4": HIT}, CATS_AND_DOGS, "the first has no image 4, and lacks 1 of"),
        (
            {**ONE, "3": HIT},
            CATS_AND_DOGS,
            "the image 3 has other objects in the first",
        ),
        (
            {**ONE, "2": (truth([FAR]), HIT[1])},
            CATS_AND_DOGS,
            "the image 2 has other objects",
        ),
        (ONE, Classes({1: "cat", 2: "cow"}), "of one alone are 2 cow, 2 dog"),
    ],
)
def test_what_is_not_the_same_is_refused(other, labels, message):
    with pytest.raises(UserError, match=message):
        compared(diagnosed(ONE), diagnosed(other, labels))


def test_boxes_may_differ_by_rounding():
    near = truth(np.array([BOX]) + 0.2), MISS[1]
    compared(diagnosed(ONE), diagnosed({**ONE, "1": near}), 10)


def test_nothing_to_compare_by():
    empty = {"1": (truth(NOTHING), found(NOTHING, []))}
    with pytest.raises(UserError, match="no object in the images"):
        compared(diagnosed(empty), diagnosed(empty), 10)
