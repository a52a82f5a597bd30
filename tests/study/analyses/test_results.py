"""Results of cells as rows of one form, whatever is missing in them."""

import json
import math

import pytest
import results_kit

from od_api.core.errors import UserError
from od_api.study.analyses.models import Model, common_resolution, full_models
from od_api.study.analyses.results import load_study, study_of

CELL = {"name": "one", "meta_architecture": "ssd", "feature_extractor": "vgg16"}


def test_a_result_becomes_a_row(tmp_path):
    study = load_study(results_kit.write(tmp_path))
    row = next(m for m in study.models if m.name == "faster_resnet101_600_s8")
    assert (row.meta_architecture, row.extractor) == ("Faster R-CNN", "ResNet-101")
    assert (row.resolution, row.stride, row.proposals) == (600, 8, 300)
    assert (row.map, row.map_large, row.time_ms) == (35.0, 52.5, 250.0)
    assert row.per_class == {"box": 40.0, "ball": 30.0, "none": None}
    assert row.throughput == {8: 6.0}
    assert row.label == "Faster R-CNN, ResNet-101, 600, stride 8, 300 proposals"


def test_other_numbers_of_proposals_are_rows_but_the_cells_own_is_not():
    names = [m.name for m in study_of(results_kit.results()).models]
    of_cell = [n for n in names if n.startswith("faster_resnet101_300")]
    assert of_cell == [
        "faster_resnet101_300",
        "faster_resnet101_300@10",
        "faster_resnet101_300@100",
    ]
    assert len(names) == 12 + 3


def test_a_number_of_proposals_that_is_a_cell_itself_is_one_row():
    """As in the grid of 147 models, where every number is a cell of its own."""
    full = results_kit.results()[6]
    few = {"cell": {**full["cell"], "name": "few", "num_proposals": 10}, "error": None}
    few = {**few, "latency": {"median_ms": 61.0}, "machine": full["machine"]}
    models = study_of([few, full]).models
    assert [m.name for m in models if m.proposals == 10] == ["few"]


def test_the_row_of_the_most_proposals_stands_for_a_trained_model():
    models = full_models(study_of(results_kit.results()).models)
    assert len(models) == 12 and not any("@" in m.name for m in models)


def test_the_common_resolution_is_that_of_most_extractors():
    """Three cells of one extractor at 128 are one extractor; of a tie the lowest."""
    cells = [Model(str(i), "SSD", "VGG-16", 128, stride=i) for i in range(3)]
    assert common_resolution(cells) == 128
    cells += [Model("a", "SSD", "VGG-16", 192), Model("b", "R-FCN", "VGG-16", 96)]
    assert common_resolution(cells) == 96
    cells.append(Model("c", "SSD", "ResNet-50", 192))
    assert common_resolution(cells) == 192
    assert common_resolution([Model("d", "SSD", "VGG-16")]) is None


def test_sizes_of_the_training_batch_are_trained_models_of_their_own():
    cells = [{"cell": {**CELL, "name": f"b{n}", "batch_size": n}} for n in (16, 32)]
    models = full_models(study_of(cells).models)
    assert [m.label for m in models] == [
        "SSD, VGG-16, batch 16",
        "SSD, VGG-16, batch 32",
    ]


@pytest.mark.parametrize(
    "blocks",
    [
        {},
        {"accuracy": None, "latency": None, "machine": None, "per_class": None},
        {"accuracy": {}, "throughput": [], "by_num_proposals": None},
        {"accuracy": {"DetectionBoxes_Precision/mAP": -1}},
        {"latency": {"median_ms": math.nan, "p90_ms": None}, "parameters": "many"},
    ],
)
def test_what_is_missing_or_no_number_is_none(blocks):
    """-1 is how the COCO tools say that nothing could be measured."""
    (row,) = study_of([{"cell": CELL, **blocks}]).models
    assert row.map is None and row.time_ms is None and row.parameters is None


def test_errors_are_kept_with_their_cell():
    study = study_of(results_kit.results())
    assert [(e["model"], e["stage"]) for e in study.errors] == [
        ("rfcn_mobilenet_v1_300", "train")
    ]


def test_machines_are_told_apart_but_not_by_their_load():
    one, two, three = results_kit.results()[:3]
    two["machine"] = {**two["machine"], "threads": 1}
    study = study_of([one, two, three])
    assert [m.machine for m in study.models] == [1, 2, 1]
    assert [m["threads"] for m in study.machines] == [2, 1]


def test_unknown_extractors_keep_their_names():
    (row,) = study_of([{"cell": {**CELL, "feature_extractor": "new_one"}}]).models
    assert row.extractor == "new_one" and row.label == "SSD, new_one"


@pytest.mark.parametrize("text", ["{", "[]", '{"no": "cell"}'])
def test_a_file_that_is_no_result_is_named(tmp_path, text):
    file = tmp_path / "one" / "result.json"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(UserError, match=r"one.result\.json"):
        load_study(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"cell": {**CELL, "name": "../../x"}},
        {"cell": {**CELL, "name": 7.5, "feature_extractor": ["a"]}},
        {"cell": CELL, "latency": [1]},
        {"cell": CELL, "throughput": "fast"},
        {"cell": CELL, "throughput": [{"images_per_second": 1}]},
        {"cell": CELL, "accuracy": 3},
        {"cell": CELL, "per_class": [1]},
        {"cell": CELL, "by_num_proposals": [{"num_proposals": "many"}]},
        {"cell": CELL, "machine": "fast"},
        {"cell": CELL, "error": "bad"},
    ],
)
def test_a_result_of_another_form_is_named(tmp_path, change):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "result.json").write_text(json.dumps(change))
    with pytest.raises(UserError, match=r"one/result\.json"):
        load_study(tmp_path)


def test_text_of_results_cannot_command_a_terminal(tmp_path):
    (tmp_path / "one").mkdir()
    result = {"cell": {**CELL, "feature_extractor": "\x1b]0;title\x07"}}
    (tmp_path / "one" / "result.json").write_text(json.dumps(result))
    (model,) = load_study(tmp_path).models
    assert model.extractor == "\\x1b]0;title\\x07"


def test_numbers_without_measure_are_none():
    """An int of 400 digits is larger than every float."""
    row = {"num_proposals": 5, "mAP": 0.25, "median_ms": 10**400}
    models = study_of([{"cell": CELL, "by_num_proposals": [row]}]).models
    assert [(m.name, m.map, m.time_ms) for m in models][1] == ("one@5", 25.0, None)
