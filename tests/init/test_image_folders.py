"""Which folder the images of an annotation file are in."""

import pytest

from od_api.init.data_kinds import Files
from od_api.init.image_folders import best_folder


def found(root, annotations, *names):
    (root / annotations).parent.mkdir(parents=True, exist_ok=True)
    (root / annotations).write_text("{}")
    best = best_folder(
        Files(root), root / annotations, lambda folder, name: folder.find(name), names
    )
    return best and best.relative_to(root).as_posix()


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [("train.json", "images/train"), ("annotations/val.json", "images/val")],
)
def test_the_folder_of_the_part_comes_first(tmp_path, annotations, expected):
    """Both have an image of that name."""
    for part in ("train", "val"):
        (tmp_path / "images" / part).mkdir(parents=True)
        (tmp_path / "images" / part / "a.jpg").write_bytes(b"")
    assert found(tmp_path, annotations, "a.jpg") == expected


def test_the_folder_with_the_most_images_is_taken(tmp_path):
    for folder, names in (("one", "a"), ("other", "abc")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.jpg").write_bytes(b"")
    assert found(tmp_path, "x.json", "a.jpg", "b.jpg", "c.jpg") == "other"


def test_none_where_no_image_is_there(tmp_path):
    assert found(tmp_path, "x.json", "a.jpg") is None
