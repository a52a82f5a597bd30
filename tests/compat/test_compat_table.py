"""The table of docs/migrating.md names what is there."""

import importlib
import pathlib
import re

from od_api.compat import shim

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "migrating.md"


def test_every_module_and_function_of_the_table_is_there():
    table = PAGE.read_text().split("## Python names")[1].split("\n## ")[0]
    named = {}
    for row in re.findall(r"^\| `utils\.(\w+)` \| (.*?) \|", table, re.MULTILINE):
        named[f"object_detection.utils.{row[0]}"] = re.findall(r"`(\w+)`", row[1])
    assert set(named) == {n for n in shim.MODULES if ".utils." in n}
    for module, functions in named.items():
        ours = importlib.import_module(shim.MODULES[module])
        assert all(callable(getattr(ours, f)) for f in functions)
