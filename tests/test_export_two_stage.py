"""A two-stage detector exported, loaded again, and asked for fewer proposals."""

import numpy as np
import pytest
import random_checkpoint
import tensorflow as tf
import tiny
import tiny_two_stage

from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.export import export
from od_api.train import train


@pytest.fixture(scope="module", params=["faster_rcnn", "rfcn"])
def loaded(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    data = tiny.make_data(folder, num_images=2)
    config = tiny_two_stage.config_for(folder, data, request.param)
    train(config, folder / "model", num_steps=1, evaluate_on_the_way=False)
    differences = export(config, folder / "model", folder / "exported")
    assert differences["scores"] <= 1e-5
    return tf.saved_model.load(str(folder / "exported" / "saved_model"))


def test_signatures(loaded):
    assert set(loaded.signatures) == {"serving_default", "num_proposals"}


def test_number_of_proposals_is_chosen_by_the_request(loaded):
    image = tf.constant(np.random.default_rng(0).integers(0, 255, (1, 90, 120, 3)))
    image = tf.cast(image, tf.uint8)
    whole = loaded.signatures["serving_default"](input_tensor=image)
    assert whole["raw_detection_boxes"].shape == (1, 32, 4)
    few = loaded.signatures["num_proposals"](
        input_tensor=image, num_proposals=tf.constant(5)
    )
    assert few["raw_detection_boxes"].shape == (1, 5, 4)
    np.testing.assert_allclose(
        few["raw_detection_scores"], whole["raw_detection_scores"][:, :5], atol=1e-5
    )
    more = loaded.signatures["num_proposals"](
        input_tensor=image, num_proposals=tf.constant(1000)
    )
    np.testing.assert_allclose(
        more["detection_scores"], whole["detection_scores"], atol=1e-6
    )


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


_GIVEN = {"input_type": "image_and_boxes_tensor", "input_name": "inputs"}


def test_one_stage_classifies_no_given_boxes(tmp_path):
    data = tiny.make_data(tmp_path, num_images=1)
    config = load_config(tiny.write_config(tmp_path, data))
    random_checkpoint.write(config, tmp_path / "model")
    with pytest.raises(UserError, match="only two-stage detectors"):
        export(config, tmp_path / "model", tmp_path / "out", **_GIVEN)
    assert not (tmp_path / "out").exists()
