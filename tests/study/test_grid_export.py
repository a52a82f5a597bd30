"""A sample of the grid at full size: exported, loaded again, and asked for boxes."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from od_api.core.checkpoint import Checkpoints
from od_api.core.variables import named_variables
from od_api.data.label_map import LabelMap
from od_api.evaluate import detector_for_inference
from od_api.export import export
from od_api.study.grid import find_cell, load_grid

GRID = pathlib.Path(__file__).parents[2] / "configs" / "study" / "huang_2017.grid"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("ssd_mobilenet_v1_300", 1917),
        ("faster_rcnn_inception_v2_300_stride16_proposals50", 50),
        ("rfcn_resnet101_300_stride16_proposals20", 20),
    ],
)
def test_a_cell_is_exported_and_loaded_again(name, candidates, tmp_path):
    """Random weights, the same for the checkpoint and for the export's parity check."""
    config = find_cell(load_grid(GRID), name).inference_config()
    label_map = tmp_path / "label_map.pbtxt"
    LabelMap.from_names([f"class {i}" for i in range(90)]).save(label_map)
    for reader in (config.train_input_reader, *config.eval_input_reader):
        reader.label_map_path = str(label_map)
    config.train_config.optimizer.use_moving_average = False
    tf.keras.utils.set_random_seed(0)
    detector, _ = detector_for_inference(config)
    Checkpoints(
        tmp_path,
        step=tf.Variable(1, dtype=tf.int64),
        model=named_variables(detector.parts),
    ).save()
    differences = export(config, tmp_path / "ckpt-1", tmp_path / "exported")
    assert differences["scores"] <= 1e-5
    model = tf.saved_model.load(str(tmp_path / "exported" / "saved_model"))
    image = np.random.default_rng(0).integers(0, 255, (1, 300, 400, 3), np.uint8)
    found = model.signatures["serving_default"](input_tensor=tf.constant(image))
    assert found["raw_detection_boxes"].shape == (1, candidates, 4)
    assert np.isfinite(found["detection_boxes"]).all()
