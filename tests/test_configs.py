"""Every config that ships parses and builds; the light ones take a training step."""

import functools
import pathlib

import pytest
import tensorflow as tf
import test_toy_scale
import tiny

from od_api.backbones import resnet
from od_api.config.compatibility import check_compatibility, compatibility_notes
from od_api.config.loading import load_config
from od_api.config_check import NAMES, check_config
from od_api.core.field_ranges import range_faults
from od_api.core.registry import build, build_field
from od_api.study.grid.grid import load_grid
from od_api.train import train

CONFIGS = pathlib.Path(__file__).resolve().parent.parent / "configs"
PATHS = sorted(CONFIGS.glob("*/*.config"))
# Their networks are built and trained in study/grid/test_grid.py.
GRID = load_grid(CONFIGS / "study" / "huang_2017.grid")
OF_THE_GRID = {pathlib.Path(cell.config).resolve() for cell in GRID.values()}
# Networks are rebuilt from Keras' ones, with weights of their own: one is enough.
keras_resnet = functools.cache(resnet._keras_model)
# They take a step there, with a narrower network.
TRAINED_SMALL = {path for path in PATHS if path.stem in test_toy_scale.TRAINED}
BUILT_ELSEWHERE = OF_THE_GRID | TRAINED_SMALL


@pytest.mark.parametrize(
    "path", sorted(set(PATHS) - BUILT_ELSEWHERE), ids=lambda p: p.stem
)
def test_builds_and_says_nothing_is_ignored(path, monkeypatch):
    monkeypatch.setattr(resnet, "_keras_model", keras_resnet)
    record = check_config(path, NAMES, rehearse=False)
    assert record["outcome"] == "builds", record["message"]
    assert not record["notes"]


@pytest.mark.parametrize("path", sorted(BUILT_ELSEWHERE), ids=lambda p: p.stem)
def test_what_is_built_elsewhere_trains_as_it_says(path):
    config = load_config(path)
    assert not list(range_faults(config))
    check_compatibility(config)
    assert not compatibility_notes(config)
    build_field(config.train_config, "optimizer")
    for step in config.train_config.data_augmentation_options:
        build(step)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_header_says_what_it_is_or_names_its_base(path):
    first = path.read_text().splitlines()[0]
    assert first.startswith("# ") and len(first) > 20


def test_study_ssd_has_1917_anchors():
    config = load_config(CONFIGS / "ssd" / "ssd_mobilenet_v1_300x300_coco.config")
    detector = build_field(config, "model")
    predictions = detector.call(
        tf.zeros([1, 300, 300, 3]), tf.constant([[300, 300]]), training=False
    )
    assert predictions.priors.boxes.shape == (1917, 4)
    assert predictions.class_logits.shape == (1, 1917, 91)


@pytest.mark.parametrize(
    "name",
    [
        "ssd/ssd_mobilenet_v1_fpn_192x192_demo",
        "techniques/ssd_mobilenet_v1_weighted_giou",
        "techniques/ssd_mobilenet_v1_weighted_sigmoid_focal",
        "ssd/ssd_mobilenet_v2_fpnlite_320x320_coco",
    ],
)
def test_light_one_takes_a_training_step(name, tmp_path):
    data = tiny.make_data(tmp_path, num_images=4)
    config = load_config(
        CONFIGS / f"{name}.config",
        [
            "train_config.batch_size=2",
            "train_config.fine_tune_checkpoint=",
            f"train_input_reader.label_map_path={data}/label_map.pbtxt",
            "train_input_reader.tf_record_input_reader.input_path="
            f'["{data}/scenes.record-*"]',
        ],
    )
    result = train(config, tmp_path / "model", num_steps=1, evaluate_on_the_way=False)
    assert result.step == 1
