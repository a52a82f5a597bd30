"""The package imports, and every schema file compiled."""

import json
import pathlib
import re

from od_api.core import registry

ROOT = pathlib.Path(__file__).parent.parent


def test_every_proto_has_its_module():
    names = {p.stem for p in (ROOT / "protos").glob("*.proto")}
    modules = {p.stem for p in (ROOT / "od_api" / "protos").glob("*_pb2.py")}
    assert names and {f"{n}_pb2" for n in names} == modules


def test_all_families_import():
    assert isinstance(registry.registered(), dict)


def test_verbs_are_functions_even_after_their_modules_are_imported():
    import od_api
    import od_api.train
    from od_api.evaluate import Evaluation

    assert Evaluation
    names = ("load_config", "build", "train", "evaluate", "export")
    assert all(callable(getattr(od_api, name)) for name in names)


def test_the_wheel_has_every_file_that_is_not_python():
    """Other files are in it only where `package-data` of pyproject.toml names them."""
    text = (ROOT / "pyproject.toml").read_text()
    lines = text.split("[tool.setuptools.package-data]\n")[1].split("\n\n")[0]
    named = {
        file
        for package, patterns in re.findall(r'"(\S+)" = (\[.*\])', lines)
        for pattern in json.loads(patterns)
        for file in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    there = {p for p in (ROOT / "od_api").rglob("*") if p.is_file()}
    others = {p for p in there if p.suffix not in (".py", ".pyc")}
    assert others and others == named
