"""The package as it is installed: a wheel, far from its checkout."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from od_api.data.synthetic import synth

ROOT = pathlib.Path(__file__).parent.parent
SOURCES = ["od_api", "protos", "configs"]
FILES = ["setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that a wheel is installed into; what it needs is not."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*_pb2.py")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, source], check=True)
    [wheel] = folder.glob("*.whl")
    target = ["--target", folder / "site", wheel]
    subprocess.run([*pip, "install", "--no-deps", *target], check=True)
    return folder / "site"


def run(site, folder, *command):
    """What `od-api` of the wheel prints, run in another folder."""
    outcome = subprocess.run(
        [sys.executable, "-m", "od_api.cli", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def test_the_configs_are_in_it(site):
    own = {p.relative_to(ROOT) for p in (ROOT / "configs").rglob("*") if p.is_file()}
    package = site / "od_api"
    assert own == {
        p.relative_to(package) for p in (package / "configs").rglob("*") if p.is_file()
    }


def test_the_demo_runs_elsewhere(site, tmp_path):
    """Few scenes are there already, as after an interrupted demo."""
    for split, seed in (("train", 1), ("held_out", 2)):
        synth.generate_records(
            tmp_path / "demo_output" / "data" / split,
            num_images=16,
            image_size=(192, 192),
            seed=seed,
        )
    said = run(site, tmp_path, "demo", "--set", "train_config.num_steps=2")
    assert "mAP@[.5:.95] on held-out scenes" in said
    assert (tmp_path / "demo_output" / "export" / "saved_model").is_dir()


def test_shipped_configs_are_found_by_name(site, tmp_path):
    name = "ssd/ssd_mobilenet_v1_fpn_192x192_demo.config"
    shown = run(site, tmp_path, "config", "show", name)
    assert "ssd {" in shown
    assert run(site, tmp_path, "config", "show", f"configs/{name}") == shown


def test_the_reference_is_in_it(site, tmp_path):
    """So are the files of the schema, whose comments it shows, and py.typed."""
    said = run(site, tmp_path, "config", "reference", "checkpoint_every_n_steps")
    assert "| Steps between two checkpoints. | used |" in said
    assert (site / "od_api" / "py.typed").is_file()
