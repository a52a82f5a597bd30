"""Models that are timed in alternation, each in its process."""

import json

import numpy as np
import pytest
from onnx_detector import write_detector

from od_api import cli
from od_api.core.errors import UserError
from od_api.study.measure.side_by_side import as_table, side_by_side


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("beside") / "model.onnx")


def test_the_command_times_several(model, tmp_path, capsys):
    """A row for each, in their order; the file holds what the table shows."""
    file = tmp_path / "times.json"
    command = ["benchmark", str(model), str(model.parent), "--num-images", "3"]
    command += ["--warm-up", "0", "--resolution", "32", "--threads", "1"]
    assert cli.main([*command, "--output", str(file)]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.split()[:3] == ["model", "engine", "form"]
    assert second.split()[:3] == [str(model), "onnx", "detections"]
    rows = json.loads(file.read_text())
    assert [row["model"] for row in rows] == [str(model), str(model.parent)]
    for row, line in zip(rows, (second, third), strict=True):
        assert (row["images"], row["threads"], row["resolution"]) == (3, 1, 32)
        assert 0 < row["median_ms"] <= row["p90_ms"]
        assert row["peak_memory_bytes"] < row["process_peak_bytes"]
        assert line.split()[3] == f"{row['median_ms']:,.1f}"
    assert cli.main([*command, "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_table_by_hand():
    """3 MiB in all, of which 1 MiB came with the model of half a MiB; 2.25 ms."""
    row = {"model": "a/b", "engine": "onnx", "median_ms": 2.25, "p90_ms": 1234.5}
    row |= {"form": "raw", "peak_memory_bytes": 2**20, "process_peak_bytes": 3 * 2**20}
    _, line = as_table([{**row, "model_bytes": 2**19}]).splitlines()
    numbers = ["2.2", "1,234.5", "1.0", "3.0", "0.5"]
    assert line.split() == ["a/b", "onnx", "raw", *numbers]


def test_what_cannot_be_measured(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"nothing of the kind")
    settings = {"side": 8, "num_images": 1, "warm_up": 0}
    with pytest.raises(UserError, match="cannot be loaded by ONNX Runtime"):
        side_by_side([tmp_path], [np.zeros([8, 8, 3], np.uint8)], **settings)
