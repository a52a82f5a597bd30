"""`od-api import-checkpoint`, and `fine_tune_checkpoint` naming old weights."""

import json

import numpy as np
import pytest
import tiny

from od_api import cli
from od_api.checkpoints.checkpoint_paths import load
from od_api.checkpoints.fine_tune import restore_partial
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.loading import load_config
from od_api.core.registry import build_field
from od_api.core.variables import named_variables

NET = "FeatureExtractor/MobilenetV1"
LEVELS = {"C4": 0, "C5": 1, "E1": 2, "E2": 3}


def scopes():
    """{layer of the tiny detector: slim's scope}, convolutions only."""
    found = {"backbone/mobilenet_v1/conv1": f"{NET}/MobilenetV1/Conv2d_0"}
    for n in range(1, 14):
        for ours, theirs in (("dw", "depthwise"), ("pw", "pointwise")):
            layer = f"backbone/mobilenet_v1/conv_{ours}_{n}"
            found[layer] = f"{NET}/MobilenetV1/Conv2d_{n}_{theirs}"
    for n in (1, 2):
        extra, end = f"neck/ssd_feature_maps/E{n}", f"Conv2d_{n + 1}"
        first = f"{NET}/Conv2d_13_pointwise_"
        found[f"{extra}/reduce/conv"] = f"{first}1_{end}_1x1_32"
        found[f"{extra}/halve/conv"] = f"{first}2_{end}_3x3_s2_64"
    head = "head/convolutional_box_predictor"
    for level, n in LEVELS.items():
        found[f"{head}/box_{level}/conv"] = f"BoxPredictor_{n}/BoxEncodingPredictor"
        found[f"{head}/class_{level}/conv"] = f"BoxPredictor_{n}/ClassPredictor"
    return found


def norm_of(layer):
    if layer.startswith("neck"):
        return layer.removesuffix("conv") + "norm"
    return f"{layer}_bn"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(path of the config, {our name: random value}, folder)."""
    folder = tmp_path_factory.mktemp("import")
    path = tiny.write_config(folder, folder)
    detector = build_field(load_config(path), "model")
    rng = np.random.default_rng(3)
    values = {
        name: np.float32(rng.uniform(0.5, 1.5, variable.shape))
        for name, variable in named_variables(detector.parts).items()
    }
    return path, values, folder


@pytest.fixture(scope="module")
def archive(built):
    """The values under slim's names, in an .npz file, with one too many."""
    _, values, folder = built
    arrays = {"anchors": np.zeros(4, np.float32)}
    for layer, scope in scopes().items():
        depthwise = "depthwise_" if "conv_dw" in layer else ""
        arrays[f"{scope}/{depthwise}weights"] = values[f"{layer}/kernel"]
        if layer.startswith("head"):
            arrays[f"{scope}/biases"] = values[f"{layer}/bias"]
            continue
        for leaf in ("gamma", "beta", "moving_mean", "moving_variance"):
            arrays[f"{scope}/BatchNorm/{leaf}"] = values[f"{norm_of(layer)}/{leaf}"]
    np.savez(folder / "old.npz", **arrays)
    return folder / "old.npz"


def run(capsys, *arguments):
    """(exit status, standard output, standard error) of `od-api import-checkpoint`."""
    status = cli.main(["import-checkpoint", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_every_tensor_is_imported(built, archive, tmp_path, capsys):
    path, values, _ = built
    out = tmp_path / "out"
    arguments = (archive, "--config", path, "--out", out, "--format", "json")
    status, printed, _ = run(capsys, *arguments)
    assert status == 0
    report = json.loads(printed)
    assert report == json.loads((out / "import.json").read_text())
    assert set(report["imported"]) == set(values) and report["new"] == []
    assert report["unused"] == ["anchors"] and report["notes"] == []
    found = load(out)
    assert found.step == 0 and set(found.groups) == {"model"}
    for name, value in found.groups["model"].items():
        np.testing.assert_array_equal(value, values[name], err_msg=name)
    config = load_config(out / "pipeline.config")
    assert detector_for_inference(config)[1](str(out)) == 0


def test_averages_are_there_where_they_are_evaluated(built, archive, tmp_path, capsys):
    path, values, _ = built
    out = tmp_path / "out"
    average = "train_config.optimizer.use_moving_average=true"
    arguments = (archive, "--config", path, "--set", average, "--out", out)
    status, printed, _ = run(capsys, *arguments)
    assert status == 0 and "unused: anchors" in printed
    averages = load(out).groups["ema"]
    assert set(averages) == {name for name in values if "moving_" not in name}


def test_other_num_classes(built, archive, tmp_path, capsys):
    """Nothing is written; the heads can be left out."""
    path, values, _ = built
    out = tmp_path / "out"
    classes = ("--set", "model.ssd.num_classes=7")
    arguments = (archive, "--config", path, "--out", out, *classes)
    status, _, error = run(capsys, *arguments)
    assert status == 2 and not out.exists() and list(tmp_path.iterdir()) == []
    assert "class_C4/conv/kernel (BoxPredictor_0/ClassPredictor/weights)" in error
    assert "Look at num_classes" in error
    status, printed, _ = run(capsys, *arguments, "--type", "detection")
    heads = sum(name.startswith("head") for name in values)
    assert status == 0 and f"{heads} new" in printed


def test_what_is_no_source(built, archive, tmp_path, capsys):
    path, _, folder = built
    arguments = ("--config", path, "--out", tmp_path / "out")
    status, _, error = run(capsys, folder / "absent.npz", *arguments)
    assert status == 2 and "there is no checkpoint" in error
    status, _, error = run(capsys, archive, *arguments, "--moving-averages")
    assert status == 2 and "keeps no moving averages" in error
    run(capsys, archive, *arguments)
    again = ("--config", path, "--out", tmp_path / "again")
    status, _, error = run(capsys, tmp_path / "out", *again)
    assert status == 2 and "is a checkpoint of od_api already" in error
    status, _, error = run(capsys, archive, *arguments)
    assert status == 2 and "exists already" in error


@pytest.mark.parametrize("kind", ["classification", "detection", "full"])
def test_training_starts_from_old_weights(built, archive, kind):
    """`fine_tune_checkpoint` may name them as they are."""
    path, values, _ = built
    detector = build_field(load_config(path), "model")
    named = named_variables(detector.parts)
    report = restore_partial(archive, named, kind, parts=detector.parts)
    parts = {"classification": ["backbone"], "detection": ["backbone", "neck"]}
    parts = parts.get(kind, ["backbone", "neck", "head"])
    assert report.restored == [n for n in named if n.split("/")[0] in parts]
    for name in report.restored:
        np.testing.assert_array_equal(named[name], values[name])
