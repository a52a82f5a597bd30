"""A digest is of the config and of its parts, and of nothing else."""

import pytest

from od_api.config.loading import load_config
from od_api.system import shipped
from od_api.techniques import digests

GIOU = digests.technique_configs()["ssd_mobilenet_v1_weighted_giou"]


@pytest.fixture
def copy(tmp_path):
    """text -> a technique's file with it, over the same base."""

    def write(text):
        path = tmp_path / "technique.config"
        path.write_text(text.replace("../ssd", str(shipped.folder() / "ssd")))
        return path

    return write


def test_comments_do_not_count_and_numbers_do(copy):
    text = GIOU.read_text()
    known = digests.digest(GIOU)
    assert digests.digest(copy(f"# Anything.\n{text}")) == known
    assert digests.digest(copy(f"{text}\ntrain_config {{ batch_size: 3 }}")) != known


def test_code_of_the_part_counts_alone(tmp_path, monkeypatch):
    """Imports above it do not; another part's code does not."""
    known = digests.digest(GIOU)
    losses = tmp_path / "losses"
    losses.mkdir()
    code = digests._PACKAGE.joinpath("losses/weighted_giou.py").read_text()
    copied = losses / "weighted_giou.py"
    copied.write_text("import os\n\n" + code)
    files = digests.part_files(GIOU)
    monkeypatch.setattr(digests, "part_files", lambda path: files)
    monkeypatch.setattr(digests, "_PACKAGE", tmp_path)
    assert digests.digest(GIOU) == known
    copied.write_text(code + "\nmore = 1\n")
    assert digests.digest(GIOU) != known


def test_what_is_kept_is_of_all_the_code(monkeypatch):
    """Of the base's parts, too: of their files, and not only of their settings."""
    config = load_config(GIOU)
    known, files = digests.digest_of_all(config), digests._files
    changed = {}

    def without_one(modules):
        changed["all"] = files(modules)
        return changed["all"][1:]

    monkeypatch.setattr(digests, "_files", without_one)
    assert digests.digest_of_all(config) != known
    both = {"backbones/mobilenet_v1.py", "losses/weighted_giou.py"}
    assert both < set(changed["all"])


@pytest.mark.parametrize(
    "name, files",
    [
        ("ssd_mobilenet_v1_weighted_giou", ["losses/weighted_giou.py"]),
        ("ssd_mobilenet_v1_mixup", ["batch_schemes/mixup.py"]),
        # Its part is the base's, too, with other settings.
        ("faster_rcnn_resnet50_deformable_conv", ["backbones/resnet.py"]),
        ("faster_rcnn_resnet101_chips", ["suppressions/soft_nms.py"]),
        ("ssd_mobilenet_v1_image_pyramid", []),
    ],
)
def test_parts(name, files):
    assert digests.part_files(digests.technique_configs()[name]) == files
