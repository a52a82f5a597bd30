"""A two-stage detector exported, loaded again, and asked for fewer proposals."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_two_stage

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
    names = {"serving_default", "detections", "num_proposals"}
    assert set(loaded.signatures) == names


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
