"""The benchmark, on a model made by hand whose numbers are known."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from od_api import cli
from od_api.core.errors import UserError
from od_api.study.measure import machine
from od_api.study.measure.benchmark import Benchmark
from od_api.study.measure.memory import PeakMemory
from od_api.study.measure.timings import crop_to_square, summary, timing_images


class Detector(tf.Module):
    """One convolution (8 channels, 3x3) and three boxes of nothing in particular."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.ones([3, 3, 3, 8]))

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")]
    )
    def detect(self, input_tensor):
        maps = tf.nn.conv2d(tf.cast(input_tensor, tf.float32), self.kernel, 2, "SAME")
        scores = tf.reduce_max(maps, [1, 2])
        boxes = tf.tile(tf.constant([[[0.0, 0.0, 0.5, 0.5]]]), [len(scores), 8, 1])
        best = tf.math.top_k(scores, 3).values
        return {
            "raw_detection_boxes": boxes,
            "raw_detection_scores": scores,
            "detection_boxes": boxes[:, :3],
            "detection_scores": best,
            "detection_classes": tf.ones_like(best),
            "num_detections": tf.fill([len(best)], 3.0),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor"),
            tf.TensorSpec([], tf.int32, "num_proposals"),
        ]
    )
    def limited(self, input_tensor, num_proposals):
        found = self.detect(input_tensor)
        count = tf.cast(num_proposals, tf.float32)
        return {name: value + 0 * count for name, value in found.items()}


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "saved_model"
    module = Detector()
    signatures = {"serving_default": module.detect, "num_proposals": module.limited}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def noise(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, (height, width, 3), dtype=np.uint8)


def test_crop_is_the_middle_of_the_scaled_image():
    """40 x 80 -> shorter side 20 -> 20 x 40, of which columns 10..30 are kept.

    The left half is black and the right half white: the edge is in the middle.
    """
    image = np.zeros([40, 80, 3], np.uint8)
    image[:, 40:] = 255
    square = crop_to_square(image, 20)
    assert square.shape == (20, 20, 3)
    assert square[:, :9].max() == 0 and square[:, 11:].min() == 255
    assert crop_to_square(image[:, :30], 50).shape == (50, 50, 3)
    same = noise(32, 32)
    np.testing.assert_array_equal(crop_to_square(same, 32), same)


def test_few_images_come_again():
    squares = timing_images([noise(30, 30, i) for i in range(3)], 30, 7)
    assert [s.shape for s in squares] == [(1, 30, 30, 3)] * 7
    assert squares[0] is squares[3] is squares[6] and squares[1] is not squares[0]


def test_numbers_of_a_known_model(saved_model):
    """32x32 -> 16x16 outputs * 8 channels * 27 = 55,296; 27 * 8 = 216 parameters."""
    squares = timing_images([noise(32, 32)], 32, 20)
    measured = Benchmark(saved_model, squares, warm_up=2)
    counts = measured.counts()
    assert counts["multiply_adds"] == 55_296
    assert counts["parameters"] == 216
    files = [p.stat().st_size for p in saved_model.rglob("*") if p.is_file()]
    assert counts["saved_model_bytes"] == sum(files)
    latency = measured.latency()
    assert (latency["images"], latency["warm_up"]) == (20, 2)
    assert 0 < latency["median_ms"] <= latency["p90_ms"] <= latency["p99_ms"]
    assert abs(latency["postprocessing_median_ms"]) < latency["p99_ms"]
    (row,) = measured.throughput([4])
    assert row["batch_size"] == 4 and row["images_per_second"] > 0
    assert measured.median_with_proposals(5) > 0


def test_summary_by_hand():
    """1..10 ms: median 5.5, the 90th percentile 9.1 and the 99th 9.91."""
    assert summary([i / 1000 for i in range(1, 11)]) == {
        "median_ms": 5.5, "mean_ms": 5.5, "p90_ms": 9.1, "p99_ms": 9.91
    }  # fmt: skip


def test_peak_of_memory_sees_what_is_freed_again():
    """64 MiB that are touched and let go; what is there before does not count."""
    before = np.ones(16 << 20, np.uint8)
    peak = PeakMemory()
    start = peak.bytes()
    while_it_lasts = np.ones(64 << 20, np.uint8)
    del while_it_lasts
    if peak.kind == "resident set":
        assert 60 << 20 < peak.bytes() - start < 90 << 20
    assert before.size


def test_machine_says_what_it_is():
    described = machine.describe()
    assert described["cpu"] and described["cores"] >= 1
    assert described["versions"]["tensorflow"] == tf.__version__
    assert len(described["load_average"]) == 3
    json.dumps(described)


def test_command_prints_json(saved_model, tmp_path, capsys):
    Image.fromarray(noise(40, 60)).save(tmp_path / "a.png")
    command = ["study", "benchmark", str(saved_model), "--resolution", "32"]
    command += ["--num-images", "3", "--warm-up", "0", "--batch-sizes", "2"]
    assert cli.main([*command, "--images", str(tmp_path / "a.png")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["multiply_adds"] == 55_296
    assert result["latency"]["images"] == 3
    assert [row["batch_size"] for row in result["throughput"]] == [2]
    # Without images it makes scenes.
    assert cli.main([*command[:3], "--resolution", "64", *command[5:]]) == 0
    assert json.loads(capsys.readouterr().out)["multiply_adds"] == 4 * 55_296


def test_models_that_cannot_be_measured(saved_model, tmp_path, capsys):
    assert cli.main(["study", "benchmark", str(tmp_path)]) == 2
    assert "holds no SavedModel" in capsys.readouterr().err
    measured = Benchmark(saved_model, timing_images([noise(32, 32)], 32, 1), 0)
    with pytest.raises(UserError, match="no signature other"):
        measured._signature("other")
    assert cli.main(["study", "benchmark", "x", "--num-images", "0"]) == 2
