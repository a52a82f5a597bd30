"""Files are found as people name them, and hidden ones are no data."""

import unicodedata
from pathlib import Path

import pytest

from od_api.core.errors import UserError
from od_api.data.converters.file_names import Folder, last_part, visible_files


@pytest.fixture
def tree(tmp_path):
    names = [
        *("a.jpg", "B.JPG", "sub/c.png", "sub/c.txt", "Thumbs.db"),
        *(".ipynb_checkpoints/a-checkpoint.jpg", "._a.jpg", ".hidden.jpg"),
        *("__MACOSX/a.jpg", "sub/@eaDir/c.png"),
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    return tmp_path


def test_visible_files(tree):
    (tree / "sub" / "loop").symlink_to(tree)
    (tree / "folder.jpg").mkdir()
    found = visible_files(tree, {".jpg", ".png"})
    assert [str(path) for path in found] == ["B.JPG", "a.jpg", "sub/c.png"]


def test_a_hidden_folder_that_the_user_names_is_searched(tree):
    assert len(visible_files(tree / ".ipynb_checkpoints", {".jpg"})) == 1


def test_missing_folders_are_named(tree):
    with pytest.raises(UserError, match="nowhere does not exist"):
        visible_files(tree / "nowhere", {".jpg"})
    with pytest.raises(UserError, match=r"a\.jpg is a file, not a folder"):
        visible_files(tree / "a.jpg", {".jpg"})


def test_find_takes_the_exact_name_then_the_only_similar_one(tree):
    folder = Folder(tree)
    assert folder.find("a.jpg") == tree / "a.jpg"
    assert folder.find("A.JPG") == tree / "a.jpg"
    assert folder.find("SUB\\C.png") == tree / "sub" / "c.png"
    assert folder.find("sub") is None and folder.find("d.jpg") is None
    (tree / "A.jpg").touch()
    assert Folder(tree).find("A.JPG") is None, "two are as near"
    assert Folder(tree).find("A.jpg") == tree / "A.jpg"


@pytest.mark.parametrize(("there", "asked"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_find_knows_both_forms_of_unicode(tmp_path, there, asked):
    on_disk = unicodedata.normalize(there, "f\u00fcr/\u00e9t\u00e9.jpg")
    (tmp_path / on_disk).parent.mkdir()
    (tmp_path / on_disk).touch()
    name = unicodedata.normalize(asked, on_disk)
    assert name != on_disk
    assert Folder(tmp_path).find(name) == tmp_path / on_disk
    stem = Path(name).with_suffix("")
    assert Folder(tmp_path / Path(on_disk).parent).images_like(stem.name)


def test_images_like(tree):
    (tree / "a.txt").touch()
    (tree / "a.PNG").touch()
    folder = Folder(tree)
    assert [p.name for p in folder.images_like("a")] == ["a.PNG", "a.jpg"]
    assert [p.name for p in folder.images_like("b")] == ["B.JPG"]
    assert folder.images_like("nothing") == folder.images_like("no/folder") == []


@pytest.mark.parametrize(
    "text", ["a b.jpg", "x/a b.jpg", "C:\\photos\\a b.jpg", "\\\\nas\\x/a b.jpg "]
)
def test_last_part(text):
    assert last_part(text) == "a b.jpg"
