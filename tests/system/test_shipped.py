"""Names of shipped configs on the command line."""

import pathlib

from od_api.system import shipped

NAME = "ssd/ssd_mobilenet_v1_fpn_192x192_demo.config"


def test_a_shipped_config_has_two_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = pathlib.Path(shipped.found(NAME))
    assert path.is_file() and path == shipped.folder() / NAME
    assert shipped.found(f"configs/{NAME}") == str(path)


def test_a_users_file_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / NAME
    own.parent.mkdir()
    own.touch()
    assert shipped.found(NAME) == NAME


def test_other_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("missing.config", "", "configs", "ssd", "a\0b", "../configs"):
        assert shipped.found(name) == name


def test_an_installed_package_has_its_own(tmp_path):
    assert shipped.folder(tmp_path / "od_api") == tmp_path / "configs"
    (tmp_path / "od_api" / "configs").mkdir(parents=True)
    assert shipped.folder(tmp_path / "od_api") == tmp_path / "od_api" / "configs"
