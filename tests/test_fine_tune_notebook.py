"""docs/fine_tune_your_own.ipynb runs from its first cell to its last."""

import json
import pathlib

import pytest

NOTEBOOK = pathlib.Path(__file__).parent.parent / "docs" / "fine_tune_your_own.ipynb"
WEIGHTS = "weights_imagenet/mobilenet_7_5_224_tf_no_top.h5"
SMALL = {"STEPS": 2, "DRAWN_IMAGES": {"train": 8, "val": 4}}


def code_cells():
    """[(source, tags)]."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return [
        ("".join(cell["source"]), cell["metadata"].get("tags", []))
        for cell in cells
        if cell["cell_type"] == "code"
    ]


@pytest.mark.slow
def test_every_cell_runs(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = {}
    for number, (source, tags) in enumerate(code_cells()):
        exec(compile(source, f"cell {number}", "exec"), there)
        if "parameters" in tags:
            there |= SMALL | {"WEIGHTS": str(data_dir / WEIGHTS)}
    assert there["result"].step == SMALL["STEPS"]
    assert (tmp_path / "my_run/export/saved_model/saved_model.pb").is_file()
    assert len(there["pictures"]) == 4
    assert "DetectionBoxes_Precision/mAP" in there["metrics"]


def test_outputs_are_not_kept():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
