"""LiteRT models in int8. The quantizer is none of the extra `dev`: without it most is
skipped, unless OD_API_INT8 says that it has to be there, as in CI."""

import json
import sys

import numpy as np
import pytest
from int8_packages import needs

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.engines.artefacts import PRECISION
from od_api.engines.litert_engine import LitertModel

with_quantizer = needs("ai_edge_quantizer")
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D")


@with_quantizer
def test_an_export(random_ssd, tmp_path):
    """Kernels are int8, each channel with a scale of its own, and heads are not; what
    int8 costs is kept, and measured where asked."""
    options = ["--precision", "int8", "--calibration-images", "3", "--evaluate"]
    options += ["--float-layers", "*/conv_dw_1_*"]
    command = ["export", *random_ssd, str(tmp_path / "int8"), "--format", "litert"]
    assert cli.main([*command, *options]) == 0
    path = tmp_path / "int8" / "model.tflite"
    model = LitertModel(path, threads=1)
    assert model.metadata[PRECISION] == "int8"
    found = model(np.zeros((1, *model.image_shape[1:]), np.uint8))
    assert np.isfinite(found["detection_scores"]).all()
    parity = json.loads((tmp_path / "int8" / "parity.json").read_text())
    assert parity["precision"] == "int8"
    assert parity["float_layers"] == ["*/conv_dw_1_*"]
    assert 0 < parity["largest_score_difference"] < 0.5
    measured = parity["evaluation"]
    before, after = (
        measured[w][measured["metric"]] for w in ("checkpoint", "exported")
    )
    assert measured["lost"] == before - after
    _check_quantized(model._interpreter)


def _check_quantized(interpreter):
    tensors = {t["index"]: t for t in interpreter.get_tensor_details()}
    operators = interpreter._get_ops_details()
    weighted = [o for o in operators if o["op_name"] in _WEIGHTED]
    names = [tensors[int(o["outputs"][0])]["name"] for o in weighted]
    in_float = ("predictor", "conv_dw_1_relu_1/")
    assert any(in_float[1] in name for name in names)
    heads = [
        o
        for o, name in zip(weighted, names, strict=True)
        if any(kept in name for kept in in_float)
    ]
    assert len(weighted) > len(heads) > 0
    for operator in weighted:
        features, kernel = (tensors[int(i)] for i in operator["inputs"][:2])
        if operator in heads:
            assert features["dtype"] == kernel["dtype"] == np.float32
            continue
        assert features["dtype"] == kernel["dtype"] == np.int8
        axis = kernel["quantization_parameters"]["quantized_dimension"]
        scales = kernel["quantization_parameters"]["scales"]
        assert len(scales) == kernel["shape"][axis]
    tail = [o for o in operators if o["op_name"] in ("EXP", "LOGISTIC", "SOFTMAX")]
    kinds = {tensors[int(i)]["dtype"] for o in tail for i in o["inputs"]}
    assert kinds <= {np.float32}


@with_quantizer
def test_images_that_do_not_fit(random_ssd, tmp_path):
    with pytest.raises(UserError, match="do not fit a model for 90x120 pixels"):
        od_api.export(
            od_api.load_config(random_ssd[0]),
            *(random_ssd[1], tmp_path / "none"),
            model_format="litert",
            precision="int8",
            image_size=(90, 120),
        )
    assert not (tmp_path / "none").exists()


def test_without_the_package(random_ssd, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer.quantizer", None)
    with pytest.raises(UserError, match=r"pip install 'od-api\[int8\]'"):
        od_api.export(
            od_api.load_config(random_ssd[0]),
            *(random_ssd[1], tmp_path / "none"),
            model_format="litert",
            precision="int8",
        )
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "float16"], "--sensitivity is for --precision int8"),
        (["--precision", "int8", "--form", "raw"], "ask with --form detections"),
    ],
)
@with_quantizer
def test_where_layers_are_not_measured(random_ssd, tmp_path, capsys, options, message):
    command = ["export", *random_ssd, str(tmp_path / "none"), "--format", "litert"]
    assert cli.main([*command, *options, "--sensitivity"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
