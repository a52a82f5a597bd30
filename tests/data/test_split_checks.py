"""Sets beside each other: shared images, classes of one alone, small boxes."""

import collections

import numpy as np
import pytest
from data_set_kit import gray_picture, picture

from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.record_source import RecordSource
from od_api.data.split_checks import SetFacts, facts_of, findings_of
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer

CATS = LabelMap.from_names(["cat", "dog"])


def facts(place, classes, digests=(), sides=(20.0,), gray=0):
    return SetFacts(
        place,
        {digest: (f"{place}.record", i) for i, digest in enumerate(digests)},
        collections.Counter(classes),
        np.array(sides),
        gray,
        2,
    )


def kinds(train, *others):
    return [(severity, kind) for severity, kind, _ in findings_of(train, others)]


def source(*images):
    """Records of (image file, boxes of cats)."""
    examples = [
        make_example(
            EncodedImage(encoded, "jpeg", f"{i}.jpg", str(i), 50, 100),
            Objects(boxes, ["cat"] * len(boxes), [1] * len(boxes)),
        ).SerializeToString()
        for i, (encoded, boxes) in enumerate(images)
    ]
    return RecordSource("made", len(examples), examples.__getitem__)


def test_facts_of_records():
    """A box of .2 x .5 of 100 x 50 pixels: at 200 x 200 the root of 40 * 100."""
    records = source(
        (picture(100, 50), [[0, 0, 0.2, 0.5]]), (gray_picture(100, 50), [])
    )
    found = facts_of("x", [records], CATS, FixedShapeResizer(height=200, width=200))
    assert found.per_class == {"cat": 1}
    assert found.sides == pytest.approx([4000**0.5])
    assert (found.gray, found.decoded, len(found.digests)) == (1, 2, 2)


def test_nothing_is_wrong_with_like_sets():
    assert kinds(facts("a", {"cat": 3}, "x"), facts("b", {"cat": 1}, "y")) == []


@pytest.mark.parametrize(
    ("train", "other", "expected"),
    [
        (("a", {"cat": 1}, "xy"), ("b", {"cat": 1}, "y"), ("warning", "shared_image")),
        (
            ("a", {"cat": 1}),
            ("b", {"cat": 1, "dog": 1}),
            ("warning", "untrained_class"),
        ),
        (
            ("a", {"cat": 1, "dog": 1}),
            ("b", {"cat": 1}),
            ("warning", "unmeasured_class"),
        ),
        (
            ("a", {"cat": 10, "dog": 1}),
            ("b", {"cat": 1, "dog": 1}),
            ("note", "imbalance"),
        ),
        (
            ("a", {"cat": 100, "dog": 1}),
            ("b", {"cat": 1, "dog": 1}),
            ("warning", "imbalance"),
        ),
        (
            ("a", {"cat": 1}, "", [7.9] + [20.0] * 99),
            ("b", {"cat": 1}),
            ("note", "small_boxes"),
        ),
        (
            ("a", {"cat": 1}, "", [7.9, 20.0]),
            ("b", {"cat": 1}),
            ("warning", "small_boxes"),
        ),
        (("a", {"cat": 1}, "", [], 1), ("b", {"cat": 1}), ("note", "gray_images")),
    ],
)
def test_each_finding(train, other, expected):
    assert kinds(facts(*train), facts(*other)) == [expected]


def test_shared_images_are_named():
    (finding,) = findings_of(facts("a", {}, "xy"), [facts("b", {}, "zy")])
    assert "b.record record 1 is a.record record 1" in finding[2]
    assert "1 of 2 images of b are in a" in finding[2]
