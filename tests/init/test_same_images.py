"""Copies of an image, and the classes of what is on it."""

import pathlib

from data_set_kit import picture

from od_api.data.converters.convert import Box, LabelledImage
from od_api.init.record_parts import FoundRecord
from od_api.init.same_images import classes_of, content_of, digest_of


def labelled(path, *names):
    boxes = [Box(0, 0, 1, 1, 1, name) for name in names]
    return LabelledImage(path, path.name, lambda width, height: boxes)


def test_copies_are_alike_whatever_their_names(tmp_path):
    data = picture(8, 8)
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "c.jpg").write_bytes(picture(8, 8, seed=1))
    a, b, c = (content_of(labelled(tmp_path / f"{n}.jpg")) for n in "abc")
    assert a == b != c
    record = FoundRecord("x.record", 0, digest_of(data), frozenset({"cat"}))
    assert content_of(record) == a


def test_images_that_are_missing_are_like_no_other():
    one, other = (labelled(pathlib.Path(f"/no/{name}.jpg")) for name in "ab")
    assert content_of(one) != content_of(other)


def test_classes():
    assert classes_of(labelled(pathlib.Path("a"), "cat", "dog", "cat")) == {
        "cat",
        "dog",
    }
    assert classes_of(FoundRecord("x", 0, b"", frozenset({"cat"}))) == {"cat"}
