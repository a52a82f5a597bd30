"""Networks in int8. NNCF is none of the extra `dev`: without it most is skipped, unless
OD_API_INT8 says that it has to be there, as in CI."""

import importlib
import json
import logging
import sys

import numpy as np
import openvino
import pytest
from int8_packages import needs

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.engines.artefacts import PRECISION
from od_api.engines.openvino_engine import OpenvinoModel
from od_api.exporting import int8_network

with_nncf = needs("nncf")


@with_nncf
def test_an_export(random_ssd, tmp_path):
    """The network's inputs and kernels are quantised, each channel by itself, and what
    suppresses is not; what int8 costs is kept, and measured where asked."""
    options = ["--precision", "int8", "--calibration-images", "3", "--evaluate"]
    options += ["--float-layers", "*/conv_dw_1_*"]
    command = ["export", *random_ssd, str(tmp_path / "int8"), "--format", "openvino"]
    assert cli.main([*command, *options]) == 0
    path = tmp_path / "int8" / "model.xml"
    loaded = OpenvinoModel(path, threads=1)
    assert loaded.metadata[PRECISION] == "int8"
    found = loaded(np.zeros((1, 50, 60, 3), np.uint8))
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
    check_quantized(openvino.Core().read_model(path))


def check_quantized(model):
    """Every convolution but those of heads multiplies quantised features with a scaled
    int8 kernel."""
    operators = model.get_ops()
    found = [o for o in operators if o.get_type_name().endswith("Convolution")]
    heads = [o for o in found if "predictor" in o.get_friendly_name()]
    assert len(found) > len(heads) > 0
    kept = [o for o in found if _behind(o).endswith("conv_dw_1_relu_1/Relu6")]
    assert len(kept) == 1
    heads += kept
    for convolution in found:
        features, scaled = (v.get_node() for v in convolution.input_values())
        is_quantized = features.get_type_name() == "FakeQuantize"
        assert is_quantized == (convolution not in heads)
        if convolution in heads:
            assert scaled.get_element_type() == openvino.Type.f32
            continue
        kernel, scales = (v.get_node() for v in scaled.input_values())
        assert kernel.input_value(0).get_element_type() == openvino.Type.i8
        channels, *others = scales.output(0).shape
        assert channels == kernel.output(0).shape[0] and set(others) == {1}
    # Heads may be of bfloat16, and what was asked for stays in float32.
    assert [o for o in found if _is_exact(o)] == kept
    (suppression,) = (o for o in operators if "NonMaxSuppression" in o.get_type_name())
    sources = {v.get_node().get_type_name() for v in suppression.input_values()}
    assert "FakeQuantize" not in sources
    assert _is_exact(suppression)


def _is_exact(operator):
    """Whether it is marked so; the mark has another name since 2026."""
    marks = ("precise_0", "DisablePrecisionConversion_0")
    return any(mark in operator.get_rt_info() for mark in marks)


def _behind(convolution):
    """Name of the second operator behind one: bias, then activation."""
    for _ in range(2):
        (place,) = convolution.output(0).get_target_inputs()
        convolution = place.get_node()
    return convolution.get_friendly_name()


def test_without_the_package(random_ssd, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(UserError, match=r"pip install 'od-api\[int8\]'"):
        od_api.export(
            od_api.load_config(random_ssd[0]),
            *(random_ssd[1], tmp_path / "none"),
            model_format="openvino",
            precision="int8",
        )
    assert not (tmp_path / "none").exists()


@with_nncf
def test_a_model_without_weights():
    value = openvino.opset13.parameter([1], np.float32, "x")
    model = openvino.Model([openvino.opset13.relu(value)], [value])
    with pytest.raises(UserError, match="no weights for int8"):
        int8_network.quantized(model, [])


@with_nncf
def test_handlers_of_others_keep_their_levels():
    """Only NNCF's own logger is silenced: a handler may serve the loggers of all."""
    logger = importlib.import_module("nncf").common.logging.nncf_logger
    handler = logging.NullHandler(logging.INFO)
    logger.addHandler(handler)
    try:
        test_a_model_without_weights()
    finally:
        logger.removeHandler(handler)
    assert logger.level == logging.ERROR and handler.level == logging.INFO


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--calibration-images", "3"], "is for --precision int8"),
        (["--float-layers", "a"], "--float-layers is for --precision int8"),
        (["--sensitivity"], "--sensitivity is for --precision int8"),
        (["--full-integer", "int8"], "--full-integer is for --precision int8"),
        (["--evaluate", "--input-type", "tf_example"], "leave out --input-type"),
        (["--precision", "int8"], "saved_model is not written in int8"),
    ],
)
def test_what_does_not_fit(random_ssd, tmp_path, capsys, options, message):
    assert cli.main(["export", *random_ssd, str(tmp_path / "none"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
