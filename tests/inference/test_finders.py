"""What can be loaded: exports, runs, their best and other checkpoints."""

import shutil
import types

import numpy as np
import pytest
import random_checkpoint
import tiny
from bright_rectangle import save_model, scene

import od_api
from od_api.cli import main
from od_api.core.errors import UserError
from od_api.inference import finders


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run: ckpt-3, another in best/, a pipeline.config and a label map."""
    folder = tmp_path_factory.mktemp("run")
    data = tiny.make_data(folder, num_images=1)
    (folder / "run").mkdir()
    config = od_api.load_config(tiny.write_config(folder / "run", data))
    random_checkpoint.write(config, folder / "run")
    (folder / "run" / "best").mkdir()
    for file in (folder / "run").glob("ckpt-3*"):
        shutil.copy(file, folder / "run" / "best")
    return folder / "run"


def test_a_run_finds_what_its_export_finds(run, tmp_path):
    config = od_api.load_config(run / "pipeline.config")
    od_api.export(config, run, tmp_path / "export")
    image = np.random.default_rng(3).integers(0, 255, [2, 80, 120, 3], np.uint8)
    exported = od_api.load(tmp_path / "export")
    found = exported(image, threshold=0.02)
    assert len(found) == 2 and len(found[0]) > 0
    for path in (run, run / "ckpt-3", run / "best"):
        other = od_api.load(path)(image, threshold=0.02)
        for one, two in zip(found, other, strict=True):
            np.testing.assert_allclose(one.boxes, two.boxes, atol=1e-2)
            np.testing.assert_allclose(one.scores, two.scores, atol=1e-5)
    together = exported(image, threshold=0.02, batch_size=2)
    np.testing.assert_allclose(together[1].boxes, found[1].boxes, atol=1e-2)


@pytest.mark.parametrize(
    ("options", "restored"),
    [
        ({}, ""),
        ({"checkpoint": "newest"}, ""),
        ({"checkpoint": "best"}, "/best"),
        ({"checkpoint": "elsewhere/ckpt-7"}, None),
    ],
)
def test_which_checkpoint(run, monkeypatch, options, restored):
    def restore(path):
        raise UserError(f"{path} is asked for")

    detector = types.SimpleNamespace(finds_boxes=True)
    monkeypatch.setattr(
        finders, "detector_for_inference", lambda _: (detector, restore)
    )
    want = options["checkpoint"] if restored is None else f"{run}{restored}"
    with pytest.raises(UserError, match=f"^{want} is asked for"):
        od_api.load(run, **options)


def test_what_cannot_be_loaded(run, tmp_path):
    with pytest.raises(UserError, match=r"nowhere holds no SavedModel .*, nor a run"):
        od_api.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"a.*b holds no SavedModel"):
        od_api.load("a\0b")
    with pytest.raises(UserError, match="ckpt-4: there is no checkpoint"):
        od_api.load(run / "ckpt-4")
    with pytest.raises(UserError, match="leave out checkpoint"):
        od_api.load(run / "ckpt-3", checkpoint="best")
    model = save_model(tmp_path / "saved_model")
    with pytest.raises(UserError, match=r"is an export, .*leave out checkpoint"):
        od_api.load(model, checkpoint="best")
    shutil.rmtree(model / "assets")
    with pytest.raises(UserError, match="no label map"):
        od_api.load(model)
    labels = tmp_path / "label_map.pbtxt"
    assert len(od_api.load(model, label_map_path=labels)(scene())) == 2


def test_a_run_that_was_not_evaluated_has_no_best(run, tmp_path):
    shutil.copy(run / "pipeline.config", tmp_path)
    with pytest.raises(UserError, match="keeps no best checkpoint"):
        od_api.load(tmp_path, checkpoint="best")


def test_detect_takes_a_run(run, tmp_path):
    from PIL import Image

    Image.fromarray(scene()).save(tmp_path / "a.png")
    output = tmp_path / "out"
    arguments = ["detect", run, tmp_path / "a.png", "--output", output]
    assert main([str(a) for a in arguments]) == 0
    assert (output / "detections.json").is_file()
