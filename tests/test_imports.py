"""Families import only core/ and layers/, and detectors no technique by name."""

import ast
import pathlib

import pytest

from od_api.core.registry import FAMILIES

PACKAGE = pathlib.Path(__file__).parent.parent / "od_api"
SHARED = {"core", "layers", "protos"}


def imported(path):
    """Sub-packages of od_api that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "od_api":
                names = [f"od_api.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "od_api" and len(parts) > 1:
                found.add(parts[1])
    return found


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"layers", "detectors"}))
def test_family_imports_only_shared_folders(family):
    files = list((PACKAGE / family).glob("*.py"))
    assert files
    for path in files:
        assert imported(path) <= SHARED | {family}, path


def test_detectors_build_no_technique_by_name():
    """Parts come from messages; what old fields mean as parts stands in old_api/.

    Crops of regions are functions still, and no parts.
    """
    for path in (PACKAGE / "detectors").glob("*.py"):
        allowed = SHARED | {"detectors", "old_api", "region_operators"}
        assert imported(path) <= allowed, path


def test_layers_import_only_core():
    for path in (PACKAGE / "layers").glob("*.py"):
        assert imported(path) <= {"core", "layers", "protos"}, path


def test_core_rests_on_nothing():
    for path in (PACKAGE / "core").glob("*.py"):
        assert imported(path) <= {"core", "protos"}, path


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"detectors"}))
def test_every_module_of_a_family_has_its_test(family):
    """`losses/weighted_l2.py` has `tests/losses/test_weighted_l2.py`, `_x.py` too."""
    modules = {path.stem.lstrip("_") for path in (PACKAGE / family).glob("[a-z_]*.py")}
    tests = pathlib.Path(__file__).parent / family
    tested = {path.stem.removeprefix("test_") for path in tests.glob("test_*.py")}
    assert modules - {"init__"} - tested == set()


def test_test_modules_have_names_of_their_own():
    """pytest imports them by their stem alone: of two alike one would not run."""
    stems = [path.stem for path in pathlib.Path(__file__).parent.rglob("test_*.py")]
    assert sorted(stems) == sorted(set(stems))
