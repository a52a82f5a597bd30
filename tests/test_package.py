"""The package imports, and every schema file compiled."""

import ast
import inspect
import json
import pathlib
import re
import subprocess
import sys

import od_api
from od_api.core import registry

ROOT = pathlib.Path(__file__).parent.parent


def test_every_proto_has_its_module():
    names = {p.stem for p in (ROOT / "protos").glob("*.proto")}
    modules = {p.stem for p in (ROOT / "od_api" / "protos").glob("*_pb2.py")}
    assert names and {f"{n}_pb2" for n in names} == modules


def test_all_families_import():
    assert isinstance(registry.registered(), dict)


def test_verbs_are_functions_even_after_their_modules_are_imported():
    import od_api.train
    from od_api.evaluate import Evaluation

    assert Evaluation
    names = ("load_config", "build", "train", "evaluate", "export", "load")
    assert all(callable(getattr(od_api, name)) for name in names)


def test_dir_has_the_public_names_and_imports_nothing_for_it():
    """In a process of its own: TensorFlow is not there afterwards."""
    code = "import sys, od_api; print(*dir(od_api)); print('tensorflow' in sys.modules)"
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names, imported = said.splitlines()
    public = [name for name in names.split() if not name.startswith("_")]
    assert public == sorted(od_api._EXPORTS) and "load" in public
    assert imported == "False"


def test_public_names_have_their_types():
    """What type checkers see is what there is, with types for what it takes."""
    tree = ast.parse((ROOT / "od_api" / "__init__.py").read_text("utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {a.asname: node.module for node in block.body for a in node.names}
    assert seen == od_api._EXPORTS
    for name in od_api._EXPORTS:
        public = getattr(od_api, name)
        functions = [public] if inspect.isfunction(public) else vars(public).items()
        if not inspect.isfunction(public):
            functions = [f for n, f in functions if n == "__init__" or n[0] != "_"]
        for function in filter(inspect.isfunction, functions):
            assert "return" in function.__annotations__, (name, function)


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
