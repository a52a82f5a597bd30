"""Time and memory of models of other engines, without TensorFlow."""

import subprocess
import sys

import numpy as np
import pytest
from onnx_detector import FOUND, write_detector

from od_api.core.errors import UserError
from od_api.engines.artefacts import Artefact
from od_api.study.measure.one_benchmark import benchmark
from od_api.study.measure.timed_artefact import TimedArtefact, measured


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("onnx") / "model.onnx")


def squares(count):
    return [np.full([1, 8, 8, 3], i, np.uint8) for i in range(count)]


def test_numbers_of_a_model(model):
    """It is found by its folder as by its file; layers are not counted."""
    timed = measured(model.parent, squares(4), warm_up=1, threads=1)
    assert isinstance(timed, TimedArtefact) and timed.engine == "onnx"
    latency = timed.latency()
    assert (latency["images"], latency["warm_up"]) == (4, 1)
    assert 0 < latency["median_ms"] <= latency["p90_ms"] <= latency["p99_ms"]
    (row,) = timed.throughput([2])
    assert row["batch_size"] == 2 and row["images_per_second"] > 0
    assert timed.counts() == {"model_bytes": model.stat().st_size}
    memory = timed.memory()
    assert memory["peak_memory_kind"] == "resident set"
    assert 0 <= memory["peak_memory_bytes"] < timed.process_memory()


def test_one_benchmark_is_as_of_a_savedmodel(model):
    images = [np.zeros([20, 30, 3], np.uint8)]
    settings = {"side": 16, "num_images": 2, "warm_up": 0, "batch_sizes": (1,)}
    result = benchmark(model, images, **settings)
    assert (result["engine"], result["resolution"]) == ("onnx", 16)
    assert {"latency", "throughput", "model_bytes", "machine"} <= set(result)


def test_heads_alone_are_timed_and_said_to_be(tmp_path):
    path = write_detector(tmp_path / "model.onnx", ["box_encodings", "class_scores"])
    timed = measured(path, squares(1), warm_up=0)
    assert timed.form == "raw" and timed.seconds(0) > 0


def test_a_model_without_detections(tmp_path):
    outputs = [name for name in FOUND if name != "num_detections"]
    path = write_detector(tmp_path / "model.onnx", outputs)
    with pytest.raises(UserError, match="gives no detections"):
        TimedArtefact(Artefact("onnx", path), squares(1))


def test_it_needs_no_tensorflow(model):
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import numpy as np\n"
        "from od_api.study.measure.timed_artefact import measured\n"
        f"timed = measured({str(model)!r}, [np.zeros([1, 8, 8, 3], np.uint8)], 0)\n"
        "assert timed.seconds(0) > 0\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
