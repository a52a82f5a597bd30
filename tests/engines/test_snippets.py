"""How exports run alone: what is printed is what the page shows."""

import pathlib

import pytest

import od_api
from od_api.engines.snippets import SNIPPETS, snippet

PAGE = pathlib.Path(od_api.__file__).parents[1] / "docs" / "engines.md"


@pytest.mark.parametrize("model_format", SNIPPETS)
def test_the_page_shows_it(model_format):
    _, code = SNIPPETS[model_format]
    assert f"```python\n{code}```" in PAGE.read_text()


def test_it_has_the_path_and_the_precision():
    folder = pathlib.Path("some where")
    found = snippet("onnx", folder)
    assert "pip install onnxruntime" in found and "'some where/model.onnx'" in found
    assert '"f32"' in snippet("openvino", folder)
    lower = snippet("openvino", folder, "int8")
    assert '"bf16"' in lower and "'some where/model.xml'" in lower


def test_other_formats_have_pages_alone():
    assert snippet("saved_model", PAGE) == snippet("litert", PAGE) == ""
