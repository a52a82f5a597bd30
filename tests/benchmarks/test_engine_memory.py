"""The script that measures memory of engines, and the table that the page has of it."""

import importlib.util
import json
import pathlib

import pytest
from onnx_detector import write_detector

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "engine_memory.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("engine_memory", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_model_is_measured_in_processes_of_its_own(script, tmp_path):
    path = write_detector(tmp_path / "model.onnx")
    (row,) = script.measured({("onnx", "float32"): path}, side=16, rounds=1)
    assert (row["format"], row["precision"]) == ("onnx", "float32")
    assert 0 < row["own_bytes"] < row["process_bytes"]
    assert row["rounds"]["own_bytes"] == [row["own_bytes"]]


def test_a_table_by_hand(script):
    """100 and 40 MB; 500 and 250 MB of whole processes."""
    first = {"format": "saved_model", "precision": "float32"}
    second = {"format": "onnx", "precision": "float32"}
    rows = [
        first | {"own_bytes": 100e6, "process_bytes": 500e6},
        second | {"own_bytes": 40e6, "process_bytes": 250e6},
    ]
    lines = script.markdown({"name": "net", "rows": rows}).splitlines()
    assert lines[2] == "| TensorFlow, float32 | 100 MB | 1.00 | 500 MB | 1.00 |"
    assert lines[3] == "| ONNX Runtime, float32 | 40 MB | 0.40 | 250 MB | 0.50 |"


def test_the_page_shows_the_record_as_it_is(script):
    record = json.loads(SCRIPT.with_suffix(".json").read_text())
    assert script.markdown(record) in (ROOT / "docs" / "speed.md").read_text()
