"""Numbers of keypoints of a record."""

import pytest

from od_api.data.keypoint_checks import check_keypoints


def findings(y, x, visibility, *, boxes, asked=0):
    counts = {"y": y, "x": x, "visibility": visibility}
    features = {f"image/object/keypoint/{n}": [0] * c for n, c in counts.items()}
    return [detail for *_, detail in check_keypoints(features, boxes, asked)]


@pytest.mark.parametrize(
    ("counts", "boxes", "asked"),
    [
        ((0, 0, 0), 0, 0),
        ((0, 0, 0), 3, 0),
        ((6, 6, 6), 2, 3),
        ((6, 6, 0), 2, 3),
        ((6, 6, 6), 2, 0),
    ],
)
def test_numbers_that_fit(counts, boxes, asked):
    assert findings(*counts, boxes=boxes, asked=asked) == []


@pytest.mark.parametrize(
    ("counts", "boxes", "asked", "says"),
    [
        ((6, 6, 6), 2, 4, "2 boxes with num_keypoints 4 need 8"),
        ((0, 0, 0), 2, 4, "0 y, 0 x and 0 visibility"),
        ((6, 5, 6), 2, 0, "not the same number"),
        ((6, 6, 5), 2, 0, "not the same number"),
        ((5, 5, 5), 2, 0, "5 keypoints are no multiple of the 2 boxes"),
        ((5, 5, 5), 0, 0, "no multiple of the 0 boxes"),
    ],
)
def test_numbers_that_do_not(counts, boxes, asked, says):
    (detail,) = findings(*counts, boxes=boxes, asked=asked)
    assert says in detail
