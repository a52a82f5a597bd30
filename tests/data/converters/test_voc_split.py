"""Lines of a split list, and the XML files that they mean."""

import unicodedata
from pathlib import Path

import pytest

from od_api.core.errors import UserError
from od_api.data.converters.voc_split import listed_files

_EVERY = [
    Path(p) for p in ("000001.xml", "my image 1.xml", "A.XML", "sub/b.xml", "é.xml")
]


@pytest.fixture
def listed(tmp_path):
    def run(text, every=_EVERY):
        (tmp_path / "train.txt").write_bytes(text.encode())
        found = listed_files(tmp_path / "train.txt", Path("Annotations"), every)
        return [str(path) for path in found]

    return run


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("000001", "000001.xml"),
        ("000001  1", "000001.xml"),
        ("000001 -1", "000001.xml"),
        ("000001 what else", "000001.xml"),
        ("my image 1", "my image 1.xml"),
        ("my image 1 -1", "my image 1.xml"),
        ('"my image 1.jpg" 1', "my image 1.xml"),
        ("JPEGImages/000001.jpg", "000001.xml"),
        ("C:\\data\\JPEGImages\\my image 1.JPG", "my image 1.xml"),
        ("/home/me/000001.xml\t1", "000001.xml"),
        ("a", "A.XML"),
        ("b", "sub/b.xml"),
        ("sub\\b", "sub/b.xml"),
        (unicodedata.normalize("NFD", "é"), "é.xml"),
        ("\ufeff000001\r", "000001.xml"),
    ],
)
def test_one_line(listed, line, path):
    assert listed(line) == [path]


def test_order_and_names_that_are_there_twice(listed):
    assert listed("sub/b\n\n000001\nsub/b.jpg\n") == ["sub/b.xml", "000001.xml"]


def test_a_name_in_two_folders_needs_its_folder(listed):
    every = [Path("x/a.xml"), Path("y/a.xml")]
    assert listed("y/a", every) == ["y/a.xml"]
    with pytest.raises(UserError, match=r"train\.txt:1: Annotations/a\.xml does not"):
        listed("a", every)


def test_missing_names_come_with_near_ones(listed):
    with pytest.raises(UserError, match=r"train\.txt:2: .*00001\.xml .* 000001$"):
        listed("000001\n00001\n")
    with pytest.raises(UserError, match="lists no images"):
        listed("\n")
