"""Who may import whom: floors, families on their own, and names that are unique."""

import ast
import collections
import graphlib
import pathlib

import pytest

import od_api
from od_api.core.registry import FAMILIES

PACKAGE = pathlib.Path(__file__).parent.parent / "od_api"
PARTS = frozenset(FAMILIES) - {"layers", "detectors"}
SHARED = {"core", "layers", "protos"}

# Each imports only what is on lower floors. Verbs alone may call their like.
FLOORS = (
    {"protos"},
    {"core"},
    {"system"},
    {"old_api"},
    {"config", "pages", "pictures", "engines"},
    {"layers"},
    PARTS,
    {"detectors"},
    {"data", "metrics", "tiles"},
    {"checkpoints"},
    {"evaluation"},
    {"training", "exporting", "viewing"},
    {"config_checks", "inference"},
    {
        *("train", "evaluate", "export", "detect", "infer", "demo", "follow", "load"),
        *("config_check", "config_explain", "import_checkpoint", "compare"),
        "doctor",
    },
    {"study", "launch", "techniques", "compat", "init"},
    {"reference", "viewer", "check_data"},
    {"ground_truth"},
    {"commands"},
    {"cli"},
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
VERBS = FLOORS[FLOOR["train"]]


def imported(path):
    """Sub-packages and top modules of od_api that a file imports."""
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
                # `from od_api import load_config` is of the module that has it.
                home = od_api._EXPORTS.get(parts[1], name)
                found.add(home.split(".")[1])
    return found


def imports_of_rooms():
    """{folder or top module: what its files import, itself left out}."""
    rooms = collections.defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        rooms[room] |= imported(path) - {room}
    del rooms["__init__"]
    return rooms


def test_every_room_has_a_floor():
    assert set(imports_of_rooms()) == set(FLOOR)
    assert sum(map(len, FLOORS)) == len(FLOOR), "one is on two floors"


@pytest.mark.parametrize("room", sorted(FLOOR))
def test_imports_go_down(room):
    upwards = {
        name
        for name in imports_of_rooms()[room]
        if FLOOR[name] >= FLOOR[room] and not {name, room} <= VERBS
    }
    assert not upwards


def test_verbs_call_each_other_without_circles():
    calls = {room: names & VERBS for room, names in imports_of_rooms().items()}
    # Raises CycleError, which names the circle.
    order = list(graphlib.TopologicalSorter(calls).static_order())
    assert set(order) >= VERBS


def test_one_stem_one_module():
    stems = collections.Counter(p.stem for p in PACKAGE.rglob("*.py"))
    twice = {stem for stem, count in stems.items() if count > 1}
    assert twice == {"__init__"}


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"layers", "detectors"}))
def test_family_imports_only_shared_folders(family):
    files = list((PACKAGE / family).glob("*.py"))
    assert files
    for path in files:
        assert imported(path) <= SHARED | {family}, path


def test_detectors_build_no_technique_by_name():
    """Parts come from messages; what old fields mean as parts stands in old_api/."""
    for path in (PACKAGE / "detectors").glob("*.py"):
        allowed = SHARED | {"detectors", "old_api"}
        assert imported(path) <= allowed, path


def test_layers_import_only_core():
    for path in (PACKAGE / "layers").glob("*.py"):
        assert imported(path) <= {"core", "layers", "protos"}, path


def test_core_rests_on_nothing():
    for path in (PACKAGE / "core").glob("*.py"):
        assert imported(path) <= {"core", "protos"}, path


@pytest.mark.parametrize("family", FAMILIES)
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
