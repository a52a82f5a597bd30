"""The table of replacements names what is really there."""

import functools
import pathlib
import re

import keras
import pytest
import tensorflow as tf

from od_api.protos import pipeline_pb2

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "from_tensorflow_addons.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| tensorflow-addons")
]


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


NAMES = sorted({n for r in ROWS for n in quoted(r[1]) if n.startswith(("keras", "tf"))})
FIELDS = sorted({n for row in ROWS for n in quoted(row[2]) if n == n.lower()})


def test_the_table_is_there():
    assert len(ROWS) >= 15 and all(len(row) == 3 for row in ROWS)
    assert len(NAMES) >= 30 and len(FIELDS) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_name_exists(name):
    root, *rest = name.split(".")
    found = functools.reduce(getattr, rest, {"keras": keras, "tf": tf}[root])
    assert callable(found) or hasattr(found, "__path__")


def fields_below(descriptor, seen):
    """Names of all fields of a message and of the messages in it."""
    if descriptor.full_name in seen:
        return set()
    seen.add(descriptor.full_name)
    names = set(descriptor.fields_by_name)
    for field in descriptor.fields:
        if field.message_type is not None:
            names |= fields_below(field.message_type, seen)
    return names


def test_fields_exist():
    root = pipeline_pb2.TrainEvalPipelineConfig.DESCRIPTOR
    assert set(FIELDS) <= fields_below(root, set())


def test_optimizers_take_what_the_table_says():
    assert keras.optimizers.SGD(weight_decay=0.1).weight_decay == 0.1
    adam = keras.optimizers.Adam(use_ema=True, ema_momentum=0.9)
    assert adam.use_ema and adam.ema_momentum == 0.9


def test_nothing_imports_it():
    package = PAGE.parent.parent / "od_api"
    importing = re.compile(r"^\s*(import|from) tensorflow_addons", re.MULTILINE)
    assert not [p for p in package.rglob("*.py") if importing.search(p.read_text())]
