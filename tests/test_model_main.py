"""model_main.py: the old trainer's flags; training, or evaluation alone."""

import json

import flag_script
import pytest
import tiny

from od_api.config.loading import load_config


@pytest.fixture(scope="module")
def run_and_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model_main")
    data = tiny.make_data(folder, num_images=4)
    config = tiny.write_config(folder, data)

    def run(*arguments):
        path = f"--pipeline_config_path={config}"
        return flag_script.run("model_main.py", path, *arguments)

    return run, folder


def test_trains_then_only_evaluates(run_and_folder):
    """Two steps; then an evaluator, which stops after it has seen the last step."""
    run, folder = run_and_folder
    model, evaluator = folder / "model", folder / "evaluator"
    flags = ["--num_train_steps=2", "--checkpoint_every_n=1"]
    assert run(f"--model_dir={model}", *flags, "--noevaluate") == 0
    steps = {path.stem for path in model.glob("ckpt-*.index")}
    assert steps == {"ckpt-1", "ckpt-2"} and not (model / "eval").exists()
    assert load_config(model / "pipeline.config").train_config.num_steps == 2

    flags = [f"--checkpoint_dir={model}", "--num_train_steps=2", "--eval_timeout=60"]
    assert run(f"--model_dir={evaluator}", *flags) == 0
    assert not list(evaluator.glob("ckpt-*")), "no training"
    report = json.loads((evaluator / "eval" / "eval_report.json").read_text())
    assert report["step"] == 2
    assert "DetectionBoxes_Precision/mAP" in report["metrics"]


def test_bad_flags(run_and_folder, tmp_path, capsys):
    run, _ = run_and_folder
    for arguments in (
        ["--num_train_steps=2"],  # no model_dir
        [f"--model_dir={tmp_path}", "--num_workers=2"],
        [f"--model_dir={tmp_path}", "--set=train_config.batchsize=2"],
        [f"--model_dir={tmp_path}", f"--checkpoint_dir={tmp_path}", "--eval_timeout=0"],
    ):
        assert run(*arguments) == 2
        message = capsys.readouterr().err
        assert message.count("error:") == 1 and "Traceback" not in message
