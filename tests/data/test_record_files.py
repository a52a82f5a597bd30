"""Which files a pattern names, and which it refuses."""

import os

import pytest

from od_api.core.errors import UserError
from od_api.data.record_files import expand


@pytest.fixture
def folder(tmp_path):
    def fill(*names):
        for name in names:
            (tmp_path / name).write_bytes(b"")
        return tmp_path

    return fill


def names(paths):
    return [os.path.basename(path) for path in paths]


@pytest.mark.parametrize("pattern", ["r-*", "r-?????-of-*", "r*", "r@5", "r@*", "*"])
def test_incomplete_sets_are_refused_by_every_pattern(folder, pattern):
    root = folder("r-00000-of-00005", "r-00003-of-00005")
    says = "2 of 5 files: .*r-00001-of-00005 and 2 more are missing"
    with pytest.raises(UserError, match=says):
        expand(f"{root}/{pattern}")
    # Named one by one, they are meant.
    assert len(expand(f"{root}/r-00000-of-00005,{root}/r-00003-of-00005")) == 2


def test_a_part_of_a_whole_set_may_be_named(folder):
    root = folder(*(f"r-{i:05d}-of-00003.tfrecord" for i in range(3)))
    assert len(expand(f"{root}/r-0000[01]-*")) == 2
    assert len(expand(f"{root}/*.tfrecord")) == 3


def test_sets_of_two_runs_are_refused(folder):
    root = folder("r-00000-of-00001", "r-00000-of-00002", "r-00001-of-00002")
    with pytest.raises(UserError, match=r"of 1 and of 2 files.*r-[?]{5}-of-00002"):
        expand(f"{root}/r-*")
    assert len(expand(f"{root}/r@2")) == 2


def test_hidden_files_and_folders_do_not_match(folder):
    root = folder("a", "b", "._a", ".b.tmp")
    (root / "c").mkdir()
    assert names(expand(f"{root}/*")) == ["a", "b"]


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, says in (("pipe", "a named pipe"), ("folder", "a folder")):
        with pytest.raises(UserError, match=says):
            expand(f"{tmp_path}/{name}")
    for bad in ("a\0b", "a\udcffb"):
        with pytest.raises(UserError, match="no path with such a character"):
            expand(bad)


def test_paths_of_windows(folder):
    root = folder("x.record")
    assert names(expand(f"{root}\\x.record")) == ["x.record"]
    with pytest.raises(UserError, match="a path of Windows"):
        expand("C:\\data\\x.record")


def test_a_comma_in_a_name(folder):
    root = folder("a,b")
    assert names(expand(f"{root}/a,b")) == ["a,b"]
