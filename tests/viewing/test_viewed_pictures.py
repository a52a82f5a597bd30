"""What is in pictures, and what is wrong with what was found in them."""

import json

import pytest
import tensorflow as tf
import viewed_set

from od_api.core.errors import UserError
from od_api.data.label_map import LabelMap
from od_api.viewing.viewed_pictures import pixels, viewed_pictures


@pytest.fixture
def folder(tmp_path):
    return viewed_set.write(tmp_path)


def seen(folder, **settings):
    label_map = LabelMap.load(folder / "label_map.pbtxt")
    return viewed_pictures([str(folder / "set.record")], label_map, **settings)


def test_objects_are_in_pixels_with_their_size(folder):
    pictures, unread = seen(folder)
    assert not unread
    assert [(p.name, p.size) for p in pictures] == [
        ("a.jpg", (480, 640)),
        ("b.jpg", (480, 640)),
        ("c", (48, 64)),
    ]
    cat, dog = pictures[0].boxes
    assert cat == {
        "of": "truth",
        "box": [100, 100, 200, 200],
        "class": 1,
        "size": "large",
        "error": "right",
    }
    assert (dog["size"], dog["class"]) == ("small", 2)
    assert pictures[1].boxes[0]["error"] == "crowd"


def test_detections_have_the_kind_of_their_error(folder):
    """The dog's box is 10 px aside of 20: an IoU of 1/3; it could be mended."""
    first, *rest = seen(folder, detections=folder / "found.json")[0]
    assert [(b["of"], b["error"]) for b in first.boxes] == [
        ("truth", "right"),
        ("truth", "right"),
        ("found", "right"),
        ("found", "localisation"),
    ]
    assert [b.get("score") for b in first.boxes] == [None, None, 0.9, 0.8]
    assert [b["error"] for p in rest for b in p.boxes] == ["crowd", "missed"]


def test_scores_below_the_least_are_left_out(folder):
    found = {"detections": folder / "found.json"}
    counts = [
        len(seen(folder, **found, min_score=s)[0][0].boxes) for s in (0.0, 0.85, 1.0)
    ]
    assert counts == [5, 3, 2]


def test_pixels_are_read_when_they_are_asked_for(folder):
    pictures, _ = seen(folder)
    assert pixels(pictures[0]).shape == (480, 640, 3)
    assert pixels(pictures[2]).shape == (48, 64, 3)
    assert pixels(pictures[2]).max() == 0


def test_a_record_without_a_picture_is_told_and_the_others_are_there(folder):
    example = tf.train.Example()
    example.features.feature["image/encoded"].bytes_list.value.append(b"no picture")
    with tf.io.TFRecordWriter(str(folder / "more.record")) as writer:
        writer.write(example.SerializeToString())
    label_map = LabelMap.load(folder / "label_map.pbtxt")
    paths = [str(folder / "more.record"), str(folder / "set.record")]
    pictures, (unread,) = viewed_pictures(paths, label_map)
    assert len(pictures) == 3
    assert unread.name.endswith("more.record record 0")
    assert unread.reason.startswith("is ")


def test_detections_of_other_images_are_refused(folder):
    other = {"image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1.0}
    (folder / "other.json").write_text(json.dumps([other]))
    with pytest.raises(UserError, match=r"other\.json: .* of other images, such as 99"):
        seen(folder, detections=folder / "other.json")
