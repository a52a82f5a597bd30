"""Functions are short, and take few arguments."""

import ast
import pathlib

PACKAGE = pathlib.Path(__file__).parent.parent / "od_api"
LONG, MOST_LONG = 40, 15
MOST_ARGUMENTS = 7
# Constructors of parts take the fields of their message, by name.
ROOMS_WITHOUT_PARTS = (
    *("checkpoints", "config", "core", "data", "evaluation", "exporting", "launch"),
    *("metrics", "pictures", "study", "system", "training"),
)


def functions(*rooms):
    """(file and name, node) of every function below these folders and of the verbs."""
    paths = [*PACKAGE.glob("*.py")]
    for room in rooms:
        paths += (PACKAGE / room).rglob("*.py")
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.relative_to(PACKAGE)}: {node.name}", node


def test_few_functions_are_long():
    rooms = [p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "protos"]
    long = [
        name
        for name, node in functions(*rooms)
        if node.end_lineno - node.lineno + 1 > LONG
    ]
    assert len(long) <= MOST_LONG, long


def test_what_is_no_part_takes_few_arguments():
    rows = []
    for name, node in functions(*ROOMS_WITHOUT_PARTS):
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        if len({a.arg for a in arguments} - {"self", "cls"}) > MOST_ARGUMENTS:
            rows.append(name)
    assert rows == []
