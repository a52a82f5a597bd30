"""Tiles through `od-api detect` and `od-api eval`."""

import json

import numpy as np
import pytest
import random_checkpoint
import tensorflow as tf
import tiny
from PIL import Image

from od_api import cli
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.core.detector import Detector
from od_api.core.errors import UserError
from od_api.core.types import Detections
from od_api.data.inputs import EvaluationInput
from od_api.data.label_map import LabelMap
from od_api.evaluation.tiled_detector import TiledDetector
from od_api.postprocess.post_processing import PostProcessing
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer
from od_api.tiles.tiling import Tiling

CONFIG = (
    "model {{ ssd {{ post_processing {{ batch_non_max_suppression {{ {} }} }} }} }}"
)


class BrightPart(tf.Module):
    """Finds the box around bright pixels, or nothing: score .9, class 2."""

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8)])
    def __call__(self, input_tensor):
        where = tf.cast(tf.where(input_tensor[0, :, :, 0] >= 200), tf.float32)
        size = tf.cast(tf.shape(input_tensor)[1:3], tf.float32)
        some = tf.shape(where)[0] > 0
        box = tf.concat(
            [tf.reduce_min(where, 0) / size, (tf.reduce_max(where, 0) + 1) / size], 0
        )
        return {
            "num_detections": tf.cast(some, tf.float32)[None],
            "detection_boxes": tf.where(some, box, 0.0)[None, None],
            "detection_scores": tf.constant([[0.9]]),
            "detection_classes": tf.constant([[2.0]]),
            "detection_masks": tf.ones([1, 1, 4, 4]),
        }


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    module = BrightPart()
    signatures = {"serving_default": module.__call__.get_concrete_function()}
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=signatures)
    (folder / "pipeline.config").write_text(CONFIG.format("iou_threshold: 0.5"))
    LabelMap.from_names(["cat", "dog"]).save(folder / "labels.pbtxt")
    return folder


@pytest.fixture(scope="module")
def image(model):
    """100 x 200 with four bright parts, far from each other."""
    pixels = np.full([100, 200, 3], 40, np.uint8)
    for left, top in ((4, 5), (60, 80), (110, 10), (180, 60)):
        pixels[top : top + 10, left : left + 16] = 255
    path = model / "image.png"
    Image.fromarray(pixels).save(path)
    return path


def run(model, image, output, *more):
    """(exit status, results) of `od-api detect`."""
    status = cli.main(
        [
            *("detect", str(model), str(image), "--output", str(output)),
            *("--label-map", str(model / "labels.pbtxt"), *more),
        ]
    )
    if not (output / "detections.json").exists():
        return status, None
    return status, json.loads((output / "detections.json").read_text())


def test_detect_finds_in_tiles_what_it_would_see_as_one(model, image, tmp_path):
    """Whole, it is one box around all; in tiles of 50 x 60 each part is found once."""
    status, whole = run(model, image, tmp_path / "whole")
    assert status == 0 and [r["bbox"] for r in whole] == [[4, 5, 192, 85]]
    tiles = ("--tiles", "50x60", "--overlap", "0.5")
    status, found = run(model, image, tmp_path / "tiles", *tiles)
    assert status == 0 and sorted(r["bbox"] for r in found) == [
        [4, 5, 16, 10],
        [60, 80, 16, 10],
        [110, 10, 16, 10],
        [180, 60, 16, 10],
    ]
    assert {r["segmentation"]["size"][1] for r in found} == {200}


def test_a_tile_larger_than_the_image_is_the_image(model, image, tmp_path):
    _, whole = run(model, image, tmp_path / "whole")
    status, found = run(model, image, tmp_path / "tile", "--tiles", "4000x201")
    assert status == 0 and found == whole


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--tiles", "50"], "must be HxW"),
        (["--tiles", "50x60", "--overlap", "1"], "from 0 to below 1"),
        (["--tiles", "50x60", "--overlap", "-0.5"], "from 0 to below 1"),
        (["--overlap", "0.5"], "give --tiles"),
    ],
)
@pytest.mark.parametrize("verb", ["detect", "eval"])
def test_refused_before_anything_is_done(
    verb, arguments, words, model, image, tmp_path, capsys
):
    if verb == "detect":
        status, _ = run(model, image, tmp_path / "out", *arguments)
    else:
        config = tiny.write_config(tmp_path, tmp_path)
        status = cli.main(["eval", str(config), str(tmp_path), *arguments])
    said = capsys.readouterr().err
    assert status == 2 and words in said
    assert said.count("error:") == 1 and "Traceback" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "config, words",
    [
        (CONFIG.format("iou_threshold: 3"), "pipeline.config:1"),
        ("model { ssd { post_processing { suppression { set_nms {} } } } }", "'set'"),
    ],
)
def test_a_config_that_cannot_merge_is_refused(
    config, words, model, image, tmp_path, capsys
):
    export = tmp_path / "export"
    export.mkdir()
    (export / "saved_model").symlink_to(model / "saved_model")
    (export / "labels.pbtxt").symlink_to(model / "labels.pbtxt")
    (export / "pipeline.config").write_text(config)
    status, _ = run(export, image, tmp_path / "out", "--tiles", "50x60")
    assert status == 2 and words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class BrightHalf(Detector):
    """Sees 32 x 32 and finds bright pixels, in the network's pixels, with a mask."""

    num_classes = 3
    resizer = FixedShapeResizer(height=32, width=32, resize_method="NEAREST_NEIGHBOR")
    postprocess = PostProcessing()
    reads = ("scale",)

    def call(self, images, true_shapes, scale=None):
        return images, scale

    def detect(self, predictions):
        images, scale = predictions
        bright = images[..., 0] > 200
        rows = tf.cast(tf.reduce_any(bright, 2), tf.float32)
        columns = tf.cast(tf.reduce_any(bright, 1), tf.float32)
        ends = []
        for line in (rows, columns):
            first = tf.argmax(line, 1)
            last = 32 - tf.argmax(tf.reverse(line, [1]), 1)
            ends.append((first, last))
        (top, bottom), (left, right) = ends
        boxes = tf.stack([top, left, bottom, right], axis=1)[:, None]
        count = tf.cast(tf.reduce_any(bright, [1, 2]), tf.int32)
        return Detections(
            boxes=tf.cast(boxes, tf.float32),
            scores=scale[:, None] / 10,
            classes=tf.ones_like(count)[:, None],
            count=count,
            anchor_indices=tf.zeros_like(count)[:, None],
            masks=tf.ones([tf.shape(images)[0], 1, 2, 2]),
        )


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_detector_sees_each_tile_as_an_image(at_once):
    """Tiles of 16 x 32 become 32 x 32: the scale is the root of 2, and boxes go back.

    The second image of the batch ends at 40 x 50; what is bright in its padding is not
    seen.
    """
    images = np.zeros([2, 64, 64, 3], np.float32)
    images[0, 4:8, 10:30] = 255
    images[0, 50:62, 40:60] = 255
    images[1, 20:24, 2:8] = 255
    images[1, 50:60, 55:60] = 255
    batch = {
        "image": tf.constant(images),
        "true_shape": tf.constant([[64, 64], [40, 50]]),
    }
    tiled = TiledDetector(BrightHalf(), Tiling(16, 32, 0.0), at_once)
    found = tiled.predict(batch)
    assert found.count.numpy().tolist() == [2, 1]
    boxes = [sorted(b.tolist()) for b in found.boxes.numpy()]
    assert boxes[0] == [[4, 10, 8, 30], [50, 40, 62, 60]]
    assert [0, 0, 0, 0] in boxes[1] and [20, 2, 24, 8] in boxes[1]
    np.testing.assert_allclose(found.scores[0], [2**0.5 / 10] * 2, rtol=1e-6)
    assert found.masks.shape == (2, 2, 2, 2)


def test_a_detector_without_boxes_is_refused():
    model = BrightHalf()
    model.finds_boxes = False
    with pytest.raises(UserError, match="finds none"):
        TiledDetector(model, Tiling(16, 32))


def test_one_tile_is_the_detector_and_evaluation_takes_tiles(tmp_path):
    """SSD of random weights; images of 128 x 128, a network of 96 x 96."""
    data = tiny.make_data(tmp_path, num_images=2)
    config = tiny.config_for(tmp_path, data)
    checkpoint = random_checkpoint.write(config, tmp_path / "model")
    detector, restore = detector_for_inference(config)
    restore(checkpoint)
    source = EvaluationInput(config, 0)
    (batch,) = source.evaluation_dataset(detector)
    want = detector.detect(detector.call(batch["image"], batch["true_shape"]))
    tiled = TiledDetector(detector, Tiling(128, 500))
    (whole,) = source.evaluation_dataset(tiled)
    assert whole["image"].shape == (2, 128, 128, 3)
    got = tiled.predict(whole)
    np.testing.assert_array_equal(got.count, want.count)
    np.testing.assert_allclose(got.boxes, want.boxes * 128 / 96, atol=1e-2)
    np.testing.assert_allclose(got.scores, want.scores, atol=1e-4)
    status = cli.main(
        [
            *("eval", str(tmp_path / "pipeline.config"), str(checkpoint)),
            *("--tiles", "80x80", "--output", str(tmp_path / "tiles")),
        ]
    )
    assert status == 0
    (report,) = (tmp_path / "tiles" / "eval").rglob("eval_report.json")
    metrics = json.loads(report.read_text())["metrics"]
    assert "DetectionBoxes_Precision/mAP" in metrics
    assert not [name for name in metrics if name.startswith("Loss/")]
