"""A sample of the grid at full size: exported, loaded again, and asked for boxes."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from od_api.study.run.run_settings import RunSettings
from od_api.study.run.stage_work import Work
from od_api.study.run.stages import load_study

GRID = pathlib.Path(__file__).parents[3] / "configs" / "study" / "huang_2017.grid"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("ssd_mobilenet_v1_300", 1917),
        ("faster_rcnn_inception_v2_300_stride16_proposals50", 50),
        ("rfcn_mobilenet_v1_300_stride16_proposals20", 20),
    ],
)
def test_random_weights_are_exported_and_loaded_again(name, candidates, tmp_path):
    """What is exported must equal the checkpoint, or the stage fails."""
    settings = RunSettings(str(GRID), str(tmp_path), random_weights=True)
    cell = load_study(settings)[name]
    work = Work(cell)
    assert work.train()["training"]["steps"] == 0
    work.export()
    model = tf.saved_model.load(str(cell.exported))
    image = np.random.default_rng(0).integers(0, 255, (1, 300, 400, 3), np.uint8)
    found = model.signatures["serving_default"](input_tensor=tf.constant(image))
    assert found["raw_detection_boxes"].shape == (1, candidates, 4)
    assert np.isfinite(found["detection_boxes"]).all()
