"""A pyramid through the verbs: exported with parity, evaluated, trained beside."""

import numpy as np
import pytest
import random_checkpoint
import tensorflow as tf
import tiny
import tiny_two_stage

from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config_check import check_config
from od_api.core.errors import ConfigError
from od_api.evaluate import evaluate
from od_api.export import export
from od_api.exporting import serving
from od_api.exporting.signature_inputs import as_input
from od_api.train import train

FIXED = """image_pyramid {
  sizes { image_resizer { fixed_shape_resizer { height: 64 width: 64 } } low: 24 }
  sizes { image_resizer { fixed_shape_resizer { height: 96 width: 96 } } high: 60 }
}"""
KEPT = """image_pyramid {
  sizes { image_resizer { keep_aspect_ratio_resizer {
    min_dimension: 128 max_dimension: 192 } } high: 60 }
  sizes { image_resizer { keep_aspect_ratio_resizer {
    min_dimension: 96 max_dimension: 128 } } low: 20 }
  batch_non_max_suppression { score_threshold: 0.01 }
  suppression { soft_nms { sigma: 0.55 } }
  flip: true
}"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("data"), num_images=3)


def config_for(name, folder, data):
    """SSD at fixed sizes, or a two-stage detector at sizes of kept proportions."""
    if name == "ssd":
        return tiny.config_for(folder, data, f"inference={{{FIXED}}}")
    return tiny_two_stage.config_for(folder, data, name, f"inference={{{KEPT}}}")


def written(name, folder, data):
    config = config_for(name, folder, data)
    return config, random_checkpoint.write(config, folder / "model")


def test_exported_with_parity(data, tmp_path):
    """And the detections are those of the detector, ranges in the file's pixels."""
    config, checkpoint = written("ssd", tmp_path, data)
    input_type = "encoded_image_string_tensor"
    differences = export(config, checkpoint, tmp_path / "out", input_type=input_type)
    assert differences["boxes"] <= 1e-3 and differences["scores"] <= 1e-5
    model = tf.saved_model.load(str(tmp_path / "out" / "saved_model"))
    image = np.random.default_rng(1).integers(0, 256, (70, 110, 3), np.uint8)
    got = model(as_input(image, input_type))
    detector, restore = detector_for_inference(config)
    restore(checkpoint)
    images, shapes = serving.resize(detector.resizer, image[None])
    scale = np.sqrt(np.prod(shapes / [70, 110], axis=1)).astype(np.float32)
    found = detector.detect(detector.call(images, shapes, scale=tf.constant(scale)))
    assert found.count[0] > 0
    np.testing.assert_array_equal(got["num_detections"], found.count)
    # Of random weights some scores are equal, so that their order turns on rounding.
    np.testing.assert_allclose(got["detection_scores"], found.scores, atol=1e-5)
    unlimited = detector.detect(detector.call(images, shapes, scale=tf.constant([1e9])))
    assert not np.allclose(unlimited.scores, found.scores), "ranges matter"


def test_exported_with_masks_and_an_option(data, tmp_path):
    """Two sizes, each mirrored: four times as many candidates as proposals."""
    config, checkpoint = written("mask_rcnn", tmp_path, data)
    differences = export(config, checkpoint, tmp_path / "out")
    assert differences["boxes"] <= 1e-3 and differences["scores"] <= 1e-5
    model = tf.saved_model.load(str(tmp_path / "out" / "saved_model"))
    image = np.random.default_rng(1).integers(0, 256, (1, 70, 110, 3), np.uint8)
    found = model.signatures["num_proposals"](
        input_tensor=tf.constant(image), num_proposals=tf.constant(5)
    )
    count = int(found["num_detections"][0])
    assert count > 0 and found["raw_detection_boxes"].shape == (1, 4 * 5, 4)
    masks = found["detection_masks"][0, :count].numpy()
    assert masks.min() > 0 and masks.max() < 1


def test_evaluation_uses_it_and_training_does_not(data, tmp_path):
    """On the way as `od-api eval` does; the losses are those of the largest size."""
    config = config_for("ssd", tmp_path, data)
    metrics = train(config, tmp_path / "model", num_steps=1).metrics
    plain = tiny.config_for(tmp_path, data)
    without = evaluate(plain, tmp_path / "model")
    assert list(metrics) == list(without) and metrics != without
    for name in (n for n in metrics if n.startswith("Loss/")):
        assert metrics[name] == pytest.approx(without[name], rel=1e-5)


def test_a_bad_pyramid_stops_training_before_it_begins(data, tmp_path):
    config = tiny.config_for(
        tmp_path, data, "inference={image_pyramid {sizes {low: 9 high: 3}}}"
    )
    with pytest.raises(ConfigError, match="larger than high") as error:
        train(config, tmp_path / "model", num_steps=1, evaluate_on_the_way=False)
    assert error.value.field_path == "inference.image_pyramid.sizes[0].low"
    assert not list((tmp_path / "model").glob("ckpt*"))


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("sizes { low: 9 high: 3 }", 4, "larger than high"),
        ("suppression { fastest_nms {} }", 4, "did you mean fast_nms"),
        ("sizes {} flip: true", None, ""),
    ],
)
def test_config_check_says_where(text, line, words, data, tmp_path):
    path = tmp_path / "above.config"
    tiny.write_config(tmp_path, data)
    path.write_text(
        f'base: "pipeline.config"\ninference {{\n image_pyramid {{\n  {text}\n }}\n}}\n'
    )
    record = check_config(path)
    assert record["outcome"] == ("invalid" if line else "builds")
    assert words in record["message"]
    assert not line or f"above.config:{line}" in record["message"]
