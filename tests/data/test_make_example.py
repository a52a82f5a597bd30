"""One record: the old API's keys, kinds and lengths."""

import hashlib

import pytest

from od_api.data.make_example import EncodedImage, Objects, make_example

GIVEN = {
    "encoded": b"pixels",
    "format": "png",
    "filename": "a.png",
    "source_id": "17",
    "height": 20,
    "width": 40,
    "boxes": [[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1]],
    "class_texts": ["cat", "Gr\u00fcn"],
    "class_ids": [1, 7],
}


def features(**changes):
    given = GIVEN | changes
    image = {name: given.pop(name) for name in EncodedImage._fields}
    example = make_example(EncodedImage(**image), Objects(**given))
    found = {}
    for key, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        found[key] = list(getattr(feature, kind).value) if kind else None
    return found


def test_keys_and_values():
    found = features(is_crowd=[True, False], masks_png=[b"m", b"n"])
    assert found["image/encoded"] == [b"pixels"] and found["image/format"] == [b"png"]
    assert found["image/source_id"] == [b"17"] and found["image/filename"] == [b"a.png"]
    assert (found["image/height"], found["image/width"]) == ([20], [40])
    digest = hashlib.sha256(b"pixels").hexdigest().encode()
    assert found["image/key/sha256"] == [digest]
    assert found["image/object/bbox/ymin"] == pytest.approx([0.1, 0])
    assert found["image/object/bbox/xmax"] == pytest.approx([0.6, 1])
    assert found["image/object/class/text"] == [b"cat", "Gr\u00fcn".encode()]
    assert found["image/object/class/label"] == [1, 7]
    assert found["image/object/is_crowd"] == [1, 0]
    assert found["image/object/mask"] == [b"m", b"n"]
    assert "image/object/weight" not in found and "image/object/area" not in found


def test_an_image_without_objects():
    found = features(boxes=[], class_texts=[], class_ids=[], area=[])
    assert found["image/object/bbox/ymin"] is found["image/object/area"] is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"class_ids": [1]}, "2 boxes, but 1 entries of class/label"),
        ({"weights": [1.0, 1.0, 1.0]}, "2 boxes, but 3 entries of weight"),
        ({"class_ids": [1, 0]}, "class id 0: ids in records start at 1"),
    ],
)
def test_what_does_not_fit_is_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        features(**changes)
