"""Cells of a study that differ in what runs the exported model."""

import pytest
import random_checkpoint
import tiny_study

from od_api.core.errors import UserError
from od_api.study.analyses.results import study_of
from od_api.study.grid.grid import load_grid
from od_api.study.run.run_settings import RunSettings
from od_api.study.run.stage_work import Work
from od_api.study.run.stages import load_study

GRID = tiny_study.GRID.replace(
    "resolution: [96]", 'resolution: [96] engine: ["saved_model", "onnx"]'
)
NAMES = ("ssd_mobilenet_v1_96", "ssd_mobilenet_v1_96_onnx")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """{name: CellStages} of two cells with the weights of one training."""
    folder = tmp_path_factory.mktemp("engines")
    settings = {"num_images": 2, "warm_up": 0, "batch_sizes": (2,)}
    grid = tiny_study.write_grid(folder, GRID)
    study = load_study(RunSettings(str(grid), str(folder / "results"), **settings))
    assert tuple(study) == NAMES
    first, second = study.values()
    assert first.trained == second.trained
    work = Work(first)
    random_checkpoint.write(work._config(training=True), first.trained)
    return study


def test_accuracy_and_time_are_of_the_same_file(study):
    """And the accuracy is the same whatever runs the weights."""
    results, accuracies = [], []
    for name, stages in study.items():
        work = Work(stages)
        result = {"cell": stages._description()}
        for stage in ("export", "evaluate", "time", "count"):
            result |= getattr(work, stage)()
        assert result["latency"]["median_ms"] > 0
        assert result["throughput"][0]["batch_size"] == 2
        files = {p.name for p in (stages.folder / "export").iterdir()}
        file = "model.onnx" if name.endswith("onnx") else "saved_model"
        assert stages.exported.name == file and stages.exported.exists()
        assert files == {file, "parity.json", "pipeline.config"}
        accuracies.append(result["accuracy"])
        results.append(result)
    assert accuracies[0] == pytest.approx(accuracies[1], abs=1e-4, nan_ok=True)
    models = study_of(results).models
    assert [m.engine for m in models] == ["saved_model", "onnx"]
    assert models[1].label == f"{models[0].label}, onnx"
    assert models[1].saved_model_bytes > 1000
    assert len({m.trained for m in models}) == 2


def test_a_stage_is_done_again_for_another_engine(study):
    first, second = study.values()
    assert first.key("train") == second.key("train")
    for stage in ("export", "evaluate", "time"):
        assert first.key(stage) != second.key(stage)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ('engine: "onx"', "blocks.0.: there is no engine 'onx'; did you mean onnx"),
        ('inference_precision: "float23"', "did you mean float32"),
        (
            'inference_precision: ["float32", "bfloat16"]',
            "_bfloat16: saved_model is not written in bfloat16 .it has float32., but "
            "openvino is",
        ),
    ],
)
def test_values_of_axes_that_cannot_be(tmp_path, axis, message):
    text = tiny_study.GRID.replace("resolution: [96]", f"resolution: [96] {axis}")
    grid = tiny_study.write_grid(tmp_path, text)
    with pytest.raises(UserError, match=message):
        load_grid(grid)


def test_a_pair_that_cannot_be_may_be_left_out(tmp_path):
    axes = 'engine: ["onnx", "openvino"] inference_precision: ["float32", "bfloat16"]'
    text = tiny_study.GRID.replace("resolution: [96]", f"resolution: [96] {axes}")
    grid = tiny_study.write_grid(tmp_path, text + 'exclude: "*_onnx_bfloat16"\n')
    names = [name.split("_96_")[1] for name in load_grid(grid)]
    assert names == ["onnx_float32", "openvino_float32", "openvino_bfloat16"]
