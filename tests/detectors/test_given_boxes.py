"""Boxes that come with the image are classified, and stay as they are."""

import numpy as np
import pytest
import random_checkpoint
import tensorflow as tf
import tiny
import tiny_two_stage

from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.export import export

_GIVEN = {"input_type": "image_and_boxes_tensor", "input_name": "inputs"}


def test_given_boxes_are_classified_in_their_order(tmp_path):
    """A proposal that is given again has the class and score that it had."""
    data = tiny.make_data(tmp_path, num_images=1)
    config = tiny_two_stage.config_for(tmp_path, data, "faster_rcnn")
    random_checkpoint.write(config, tmp_path / "model")
    image = np.random.default_rng(0).integers(0, 255, (1, 96, 96, 3), dtype=np.uint8)
    export(config, tmp_path / "model", tmp_path / "given", **_GIVEN)
    model = tf.saved_model.load(str(tmp_path / "given" / "saved_model"))
    run = model.signatures["serving_default"]
    boxes = np.array([[[0.1, 0.2, 0.5, 0.9], [0, 0, 1, 1], [0.4, 0, 0.6, 0.3]]])
    boxes = tf.constant(boxes, tf.float32)
    found = run(inputs=tf.constant(image), boxes=boxes)
    np.testing.assert_allclose(found["detection_boxes"], boxes, atol=1e-6)
    assert found["num_detections"] == 3
    scores = found["raw_detection_scores"][..., 1:].numpy()
    np.testing.assert_allclose(found["detection_scores"], scores.max(-1), atol=1e-6)
    np.testing.assert_array_equal(found["detection_classes"], scores.argmax(-1) + 1)
    backwards = run(inputs=tf.constant(image), boxes=boxes[:, ::-1])
    np.testing.assert_allclose(
        backwards["raw_detection_scores"][:, ::-1],
        found["raw_detection_scores"],
        atol=1e-5,
    )


def test_one_stage_classifies_no_given_boxes(tmp_path):
    data = tiny.make_data(tmp_path, num_images=1)
    config = load_config(tiny.write_config(tmp_path, data))
    random_checkpoint.write(config, tmp_path / "model")
    with pytest.raises(UserError, match="only two-stage detectors"):
        export(config, tmp_path / "model", tmp_path / "out", **_GIVEN)
    assert not (tmp_path / "out").exists()
