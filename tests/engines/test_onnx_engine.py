"""Detectors as ONNX models: what they find, where they are taken, what is refused."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import pytest
import random_checkpoint
import tiny
import tiny_two_stage

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.engines.artefacts import CONFIG, LABEL_MAP, artefact_at
from od_api.engines.onnx_engine import OnnxModel
from od_api.exporting import openvino_writer
from od_api.inference.finders import finder

KINDS = ("ssd", "faster_rcnn_fpn", "mask_rcnn", "rfcn")
# (batch, height, width): one of them is not square, and none has the network's size.
SHAPES = ((1, 90, 120), (8, 64, 50))


def config_of(kind, folder):
    data = tiny.make_data(folder, num_images=1)
    if kind == "ssd":
        return tiny.config_for(folder, data)
    return tiny_two_stage.config_for(folder, data, kind)


@pytest.fixture(scope="module", params=KINDS)
def exported(request, tmp_path_factory):
    """(config, run, folder of the export) of random weights.

    Few anchors are suppressed first, as of the many of a large image: by `If`.
    """
    folder = tmp_path_factory.mktemp(request.param)
    config = config_of(request.param, folder)
    random_checkpoint.write(config, folder / "run")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (("_FIRST_ANCHORS", 8), ("_FIRST_PER_PLACE", 1)):
            patched.setattr(f"od_api.postprocess.detections.{name}", value)
        differences = od_api.export(
            config, folder / "run", folder / "onnx", model_format="onnx"
        )
    assert differences["boxes"] < 1e-3 and differences["scores"] < 1e-5
    od_api.config.loading.write_config(config, folder / "run" / "pipeline.config")
    return config, folder / "run", folder / "onnx"


def test_it_finds_what_the_checkpoint_finds(exported, tmp_path):
    """In ONNX Runtime, and converted for OpenVINO; in batches and alone.

    Among random scores some are equal, in any order.
    """
    _, run, folder = exported
    model = OnnxModel(folder / "model.onnx")
    openvino_writer.converted(folder / "model.onnx", tmp_path, model.metadata)
    ours, engines = finder(run).find, [finder(folder).find, finder(tmp_path).find]
    for shape in SHAPES:
        images = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
        wanted = ours(images)
        pairs = [pair for f in engines for pair in zip(f(images), wanted, strict=True)]
        for one, other in pairs:
            assert set(one) == set(other)
            np.testing.assert_allclose(
                one["detection_scores"], other["detection_scores"], atol=1e-5
            )
            np.testing.assert_allclose(
                np.sort(one["raw_detection_boxes"], axis=0),
                np.sort(other["raw_detection_boxes"], axis=0),
                atol=1e-3 / max(shape),
            )
        assert model(images)["num_detections"].shape == shape[:1]


def test_networks_of_all_sizes(tmp_path, monkeypatch):
    """Their anchors are counted in a run alone, and few are suppressed first; the
    export compares what they find in images of two sizes."""
    for name, value in (("_FIRST_ANCHORS", 8), ("_FIRST_PER_PLACE", 1)):
        monkeypatch.setattr(f"od_api.postprocess.detections.{name}", value)
    resizer = "{keep_aspect_ratio_resizer {min_dimension: 112 max_dimension: 160}}"
    override = f"model.faster_rcnn.image_resizer={resizer}"
    data = tiny.make_data(tmp_path, num_images=1)
    config = tiny_two_stage.config_for(tmp_path, data, "faster_rcnn_fpn", override)
    random_checkpoint.write(config, tmp_path / "run")
    found = od_api.export(
        config, tmp_path / "run", tmp_path / "onnx", model_format="onnx"
    )
    assert found["boxes"] < 1e-3 and found["scores"] < 1e-5
    graph = onnx.load(tmp_path / "onnx" / "model.onnx").graph
    assert sum(node.op_type == "If" for node in graph.node) >= 3


def test_the_file_says_what_it_is(exported):
    _, _, folder = exported
    model = OnnxModel(folder / "model.onnx")
    assert "circle" in model.metadata[LABEL_MAP]
    assert "num_classes: 5" in model.metadata[CONFIG]
    (argument,) = onnx.load(folder / "model.onnx").graph.input
    names = [d.dim_param or d.dim_value for d in argument.type.tensor_type.shape.dim]
    assert (argument.name, names) == ("input_tensor", ["batch", "height", "width", 3])
    onnx.checker.check_model(str(folder / "model.onnx"))
    assert sorted(p.name for p in folder.iterdir()) == [
        "model.onnx",
        "parity.json",
        "pipeline.config",
    ]
    assert set(json.loads((folder / "parity.json").read_text())) == {
        "largest_box_difference_px",
        "largest_score_difference",
    }


@pytest.fixture(scope="module")
def ssd(tmp_path_factory):
    """(path of a config, run, folder to write to)."""
    folder = tmp_path_factory.mktemp("commands")
    path = tiny.write_config(folder, tiny.make_data(folder, num_images=1))
    random_checkpoint.write(od_api.load_config(path), folder / "run")
    return str(path), str(folder / "run"), folder


def test_commands_export_and_detect(ssd, tmp_path):
    config, run, folder = ssd
    output = str(tmp_path / "onnx")
    assert cli.main(["export", config, run, output, "--format", "onnx"]) == 0
    image = next((folder / "data").rglob("*.png"), None) or _picture(tmp_path)
    command = ["detect", output, str(image), "--output", str(tmp_path / "found")]
    assert cli.main([*command, "--min-score", "0.01"]) == 0
    assert json.loads((tmp_path / "found" / "detections.json").read_text())
    alone = tmp_path / "alone.onnx"
    alone.write_bytes((tmp_path / "onnx" / "model.onnx").read_bytes())
    detections = od_api.load(alone)(str(image), threshold=0.01)
    assert len(detections) and set(detections.names) <= set(tiny_names(folder))


def tiny_names(folder):
    from od_api.data.label_map import LabelMap

    return LabelMap.load(next(folder.rglob("label_map.pbtxt"))).names


def _picture(folder):
    from PIL import Image

    path = folder / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_it_runs_without_tensorflow_and_without_us(exported, tmp_path):
    """The snippet of the docs, where neither can be imported."""
    text = (
        pathlib.Path(od_api.__file__).parents[1] / "docs" / "engines.md"
    ).read_text()
    blocks = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    (snippet,) = (block for block in blocks if "import onnxruntime" in block)
    picture = _picture(tmp_path)
    blocked = "import sys\nsys.modules['tensorflow'] = sys.modules['od_api'] = None\n"
    code = snippet.replace("exported/model.onnx", str(exported[2] / "model.onnx"))
    code = blocked + code.replace("photo.jpg", str(picture))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "onnx", "--input-type", "tf_example"], "takes decoded images"),
        (["--format", "onnx", "--input-name", "images"], "input name"),
    ],
)
def test_what_onnx_does_not_take(ssd, tmp_path, capsys, options, message):
    config, run, _ = ssd
    output = tmp_path / "none"
    assert cli.main(["export", config, run, str(output), *options]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_a_format_that_there_is_not(ssd, tmp_path):
    config, run, _ = ssd
    with pytest.raises(UserError, match="there is no format 'onx'; did you mean onnx"):
        od_api.export(od_api.load_config(config), run, tmp_path, model_format="onx")


def test_what_is_no_model(tmp_path):
    path = tmp_path / "some.onnx"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match=r"some\.onnx cannot be loaded by ONNX Runtime"):
        finder(path)
    assert artefact_at(tmp_path) is None


def test_a_model_that_detects_nothing(tmp_path):
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([node], "g", [value], [result])
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(UserError, match="no detector that takes images as uint8"):
        finder(tmp_path)


def test_images_of_another_shape(exported):
    model = OnnxModel(exported[2] / "model.onnx")
    with pytest.raises(UserError, match=r"fails on images of shape \(1, 8, 8, 1\)"):
        model(np.zeros((1, 8, 8, 1), np.uint8))
    with pytest.raises(UserError, match="leave out checkpoint"):
        finder(exported[2], checkpoint="best")


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'od-api\[onnx\]'"):
        OnnxModel(tmp_path / "model.onnx")
