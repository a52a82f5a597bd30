"""Every command of docs/your_own_data.md runs, from its first to its last."""

import pathlib
import re
import shlex
import shutil

import pytest
from labelled_folders import SIX, parts_of, write_images, write_voc

from od_api import cli

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "your_own_data.md"
WEIGHTS = "weights_imagenet/mobilenet_v1_1.0_224_dequant_qat_no_top.h5"
# What a command has besides, to be small: of each verb.
SMALL = {"init": "--size 64 --num-steps 2 --detector ssd_mobilenet_v1_300"}
# A second trial would show nothing new.
QUICK = " --batch-size 2"


def commands():
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def small(line, is_first):
    """The arguments of a command; what the page says comes last and counts."""
    words = shlex.split(line)
    assert words.pop(0) == "od-api"
    if words[0] != "init" or "--list" in words:
        return words
    flags = SMALL["init"] + ("" if is_first else QUICK)
    return ["init", *flags.split(), *words[1:]]


def test_there_are_commands_of_every_verb():
    verbs = {line.split()[1] for line in commands()}
    assert verbs >= {"init", "train", "eval", "export", "detect", "data", "config"}


@pytest.mark.slow
def test_every_command_runs(data_dir, tmp_path, monkeypatch):
    """On six images with XML beside them, in two parts; Keras has its weights."""
    monkeypatch.chdir(tmp_path)
    for part, images in parts_of(SIX, train=4, test=2).items():
        write_images(tmp_path / "raccoons" / part, images, seed=len(part))
        write_voc(tmp_path / "raccoons" / part, images)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    shutil.copy(
        data_dir / WEIGHTS, tmp_path / "keras/models/mobilenet_1_0_224_tf_no_top.h5"
    )
    for number, line in enumerate(commands()):
        assert cli.main(small(line, number == 0)) == 0, line
    assert (tmp_path / "exported/saved_model/saved_model.pb").is_file()
    assert list((tmp_path / "found").glob("*.jpg"))
    _moves(tmp_path, monkeypatch)


def _moves(folder, monkeypatch):
    """The folder trains elsewhere, anew and where a run of it had been."""
    moved = folder / "elsewhere"
    (folder / "raccoon").rename(moved)
    monkeypatch.chdir(moved)
    for run in (folder / "run", folder / "new"):
        assert cli.main(["train", str(moved / "pipeline.config"), str(run)]) == 0
    assert (folder / "new" / "best").is_dir()
