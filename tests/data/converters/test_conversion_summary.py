"""What a conversion counts and leaves out."""

import math

import pytest

from od_api.data.converters.conversion_summary import EXAMPLES, Summary
from od_api.data.converters.convert import Box


def _box(*edges, **settings):
    return Box(*edges, 1, "cat", where="here", **settings)


@pytest.mark.parametrize(
    ("edges", "reason"),
    [
        ((5, 5, 5, 9), "box of size zero"),
        ((9, 5, 5, 9), "box with its maximum below its minimum"),
        ((200, 5, 300, 9), "box outside of the image"),
        ((5, 5, math.nan, 9), "box with NaN or infinity"),
        ((5, 5, math.inf, 9), "box with NaN or infinity"),
    ],
)
def test_boxes_without_use(edges, reason):
    summary = Summary()
    assert summary.usable([_box(*edges)], 100, 50) == []
    assert summary.as_dict()["skipped"] == {reason: 1}


def test_counts():
    """The second box reaches 5 pixels over the border, the third .4: rounding."""
    boxes = [_box(0, 0, 9, 9), _box(-5, 0, 9, 9), _box(0, 0, 100.4, 9, note="seen")]
    summary = Summary()
    kept = summary.usable(boxes, 100, 50)
    assert [(b.xmin, b.xmax) for b in kept] == [(0, 9), (0, 9), (0, 100)]
    summary.count(kept, ("turned",))
    summary.count([])
    for i in range(EXAMPLES + 1):
        summary.skip("lost", f"place {i}")
    assert summary.num_images == 2
    assert summary.as_dict() == {
        "images": 2,
        "images_without_boxes": 1,
        "boxes": 3,
        "clipped_boxes": 1,
        "per_class": {"cat": 3},
        "notes": {"turned": 1, "seen": 1},
        "skipped": {"lost": EXAMPLES + 1},
        "examples": {"lost": [f"place {i}" for i in range(EXAMPLES)]},
    }
