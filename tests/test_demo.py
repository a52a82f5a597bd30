"""What the demo does between its steps; each of them has tests of its own."""

import importlib

import pytest

from od_api.train import TrainingResult

# `od_api.demo` may also be the function.
module = importlib.import_module("od_api.demo")


@pytest.fixture
def results(monkeypatch):
    """What training returns; everything else does nothing."""
    results = []

    def train(*_):
        return TrainingResult(4, "nothing to do", "ckpt-4", results.pop())

    monkeypatch.setattr(module, "make_scenes", lambda folder: folder)
    monkeypatch.setattr(module, "load_config", lambda *_: None)
    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr(module, "export", lambda *_: None)
    monkeypatch.setattr(module, "detect", lambda *_: None)
    return results


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"DetectionBoxes_Precision/mAP": 0.25}, "held-out scenes  0.250"),
        ({"PascalBoxes_Precision/mAP@0.5IOU": 0.5}, "evaluation report"),
        ({}, "evaluation report"),
    ],
    ids=["COCO", "another metrics_set", "none"],
)
def test_it_ends_well_whatever_was_measured(tmp_path, results, capsys, metrics, said):
    results.append(metrics)
    assert module.demo("config", tmp_path) == metrics
    assert said in capsys.readouterr().out
