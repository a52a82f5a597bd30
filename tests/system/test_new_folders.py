"""Folders of results: refused before the work, whole after it or not at all."""

import os

import pytest

from od_api.core.errors import UserError
from od_api.system.new_folders import appears_whole, check_new_folder


def test_new_and_empty_ones_may_be_made(tmp_path, monkeypatch):
    check_new_folder(tmp_path / "a" / "b")
    check_new_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    check_new_folder(tmp_path.relative_to(tmp_path) / "here")


def test_what_is_there_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / "file", tmp_path / "gone"):
        with pytest.raises(UserError, match="exists already: choose another"):
            check_new_folder(path)
    with pytest.raises(UserError, match="file is a file"):
        check_new_folder(tmp_path / "file" / "below")


def test_where_nobody_may_write(tmp_path, monkeypatch):
    """Root may everywhere, so that the system's answer is given here."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="may not be written to"):
        check_new_folder(tmp_path / "new")


def test_it_appears_whole(tmp_path):
    target = tmp_path / "new"
    with appears_whole(target) as folder:
        (folder / "a").write_text("x")
        assert not target.exists()
    assert (target / "a").read_text() == "x"
    assert os.listdir(tmp_path) == ["new"]


def test_an_empty_folder_is_replaced(tmp_path):
    target = tmp_path / "new"
    target.mkdir()
    with appears_whole(target) as folder:
        (folder / "a").write_text("x")
    assert os.listdir(target) == ["a"]


def test_after_an_error_there_is_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), appears_whole(tmp_path / "new") as folder:
        (folder / "a").write_text("x")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []
