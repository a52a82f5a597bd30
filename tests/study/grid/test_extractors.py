"""Table 2: our feature extractors have the published numbers of parameters."""

import json

import pytest

from od_api import cli
from od_api.study.grid import extractors, published


def _rows(*names):
    return {row["extractor"]: row for row in extractors.table(names)}


@pytest.fixture(scope="module")
def light():
    return _rows("VGG-16", "MobileNet", "Inception V2")


def test_published_numbers_have_extractors():
    assert set(published.EXTRACTORS) < set(extractors.EXTRACTORS)


def test_counts_of_the_light_ones(light):
    """Decomposed as the study's numbers come about."""
    assert light["VGG-16"]["counted"] == {"kernels": 14_710_464, "biases": 4_224}
    assert light["MobileNet"]["counted"] == {"kernels": 3_185_088, "offsets": 5_984}
    assert light["Inception V2"]["counted"] == {
        "kernels": 10_143_384,
        "biases": 64,
        "offsets": 9_888,
        "means": 9_888,
        "variances": 9_888,
    }
    assert all(row["equal"] is True for row in light.values())
    totals = [row["keras_total"] for row in light.values()]
    assert totals == [14_714_688, 3_228_864, None]


def test_what_is_not_counted_adds_up(light):
    """Keras' MobileNet: 4 vectors of 5,984 and, depthwise, of 4,960 channels."""
    row = light["MobileNet"]
    assert row["not_counted"] == {
        "scales": 5_984,
        "means": 5_984,
        "variances": 5_984,
        "depthwise offsets": 4_960,
        "depthwise scales": 4_960,
        "depthwise means": 4_960,
        "depthwise variances": 4_960,
    }
    for row in (light["VGG-16"], light["MobileNet"]):
        whole = row["parameters"] + sum(row["not_counted"].values())
        assert whole == row["keras_total"]


@pytest.mark.slow
def test_all_six_equal_the_published_counts(capsys):
    assert cli.main(["study", "extractors", "--format", "json"]) == 0
    rows = {row["extractor"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(extractors.EXTRACTORS)
    for name, number in published.EXTRACTORS.items():
        assert rows[name]["parameters"] == number.parameters, name
        assert rows[name]["top_1"] == number.top_1
    deep = rows["ResNet-101"]
    assert deep["not_counted"] == {"biases": 52_672}
    assert deep["keras_total"] == deep["parameters"] + 52_672 == 42_658_176
    for name in ("Inception V3", "Inception-ResNet-v2"):
        assert rows[name]["keras_total"] == rows[name]["parameters"]
    for name in ("ResNet-50", "ResNet-152"):
        assert rows[name]["published_parameters"] is rows[name]["equal"] is None


def test_text_shows_the_numbers_and_the_rule(light):
    text = "\n".join(extractors.as_text(light.values()))
    line = next(x for x in text.splitlines() if x.startswith("MobileNet "))
    assert line.split() == [
        "MobileNet",
        "71.1",
        "3,191,072",
        "3,191,072",
        "yes",
        "3,228,864",
    ]
    assert "3,185,088 kernels + 5,984 offsets = 3,191,072" in text
    assert text.count("not counted: ") == 1
    other = {**light["MobileNet"], "parameters": 5, "equal": False}
    unknown = {**other, "equal": None, "published_parameters": None}
    assert " NO " in "\n".join(extractors.as_text([other]))
    assert " NO " not in "\n".join(extractors.as_text([unknown]))


def test_help_explains_the_counts(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["study", "extractors", "--help"])
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for row in published.EXTRACTORS.values():
        assert row.rule in text
