"""docs/architecture.md names every folder, and files and names that exist."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "od_api"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def rows_of(heading):
    """Cells of each row of the table under the heading `| a | b |`."""
    lines = PAGE.split(f"{heading}\n")[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def expanded(pattern):
    """`a/{b,c}.py` as [a/b.py, a/c.py]."""
    found = re.search(r"\{(.*)\}", pattern)
    if not found:
        return [pattern]
    return [pattern.replace(found[0], choice) for choice in found[1].split(",")]


def defined(path):
    """Functions and classes of a file, methods as Class.method."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            inside = node.body if isinstance(node, ast.ClassDef) else ()
            names |= {
                f"{node.name}.{method.name}"
                for method in inside
                if isinstance(method, ast.FunctionDef)
            }
    return names


FOLDERS = [
    path
    for row in rows_of("| folder | what one file in it is |")
    for path in expanded(row[0].strip("`"))
]
PLACES = rows_of("| what | where |")


def test_folders_of_the_table_exist():
    assert [path for path in FOLDERS if not (ROOT / path).exists()] == []


def test_every_folder_of_the_package_is_in_the_table():
    ours = {p.parent.relative_to(ROOT) for p in PACKAGE.rglob("*.py")}
    named = {pathlib.Path(path) for path in FOLDERS} | {pathlib.Path("od_api")}
    assert ours - named == {pathlib.Path("od_api/protos")}  # beside `protos/`


@pytest.mark.parametrize(("what", "where"), PLACES, ids=[row[0] for row in PLACES])
def test_what_is_looked_for_is_there(what, where):
    """A name after a file, up to the next file, is defined in it."""
    file, named = None, 0
    for name in re.findall("`([^`]+)`", where):
        if "/" in name:
            (file, *others) = sorted(PACKAGE.glob(name)) or [None]
            assert file and (others or "*" not in name), name
            named += 1
        else:
            assert name in defined(file), f"{file} does not define {name}"
    assert named


def test_files_that_the_text_names_exist():
    """As paths below the package or the repository."""
    files = set(re.findall(r"`([\w/]+\.(?:py|proto))\b", PAGE))
    roots = (PACKAGE, ROOT)
    assert len(files) > 40
    assert [f for f in files if not any((r / f).is_file() for r in roots)] == []
