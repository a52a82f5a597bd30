"""Size and speed of detectors: measured once a machine, kept, and shown."""

import pytest

from od_api import cli
from od_api.init import measured_detectors
from od_api.init.detector_choices import chosen
from od_api.init.measured_detectors import Measured, kept, kept_path, measure, measured

CHOICES = [chosen("ssd_mobilenet_v1_300"), chosen("rfcn_resnet101_600x1024")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def quick(monkeypatch):
    """Measuring is counted; it takes no time."""
    calls = []

    def noted(config):
        calls.append(config)
        return Measured(len(calls) * 1_000_000, 10.0 * len(calls))

    monkeypatch.setattr(measured_detectors, "measured", noted)
    return calls


def test_what_was_measured_is_kept(quick):
    said = []
    found = measure(CHOICES, said.append)
    assert found["ssd_mobilenet_v1_300"] == Measured(1_000_000, 10.0)
    assert said[1] == "measuring rfcn_resnet101_600x1024 (2/2)"
    assert measure(CHOICES, said.append) == found == kept(CHOICES)
    assert len(quick) == len(said) == 2


def test_another_machine_is_measured_anew(quick, monkeypatch):
    measure(CHOICES)
    monkeypatch.setattr(measured_detectors, "cores", lambda: 999)
    assert kept(CHOICES) == {}
    measure(CHOICES[:1])
    monkeypatch.undo()
    assert len(quick) == 3


def test_a_file_that_is_damaged_is_as_none(quick):
    kept_path().parent.mkdir()
    kept_path().write_text("{half")
    assert kept(CHOICES) == {}
    measure(CHOICES[:1])
    assert list(kept(CHOICES)) == ["ssd_mobilenet_v1_300"]


def test_list_shows_what_is_known(quick, capsys):
    command = ["init", "--list", "--measure", "--detector", "ssd_mobilenet_v1_300"]
    assert cli.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [ln for ln in lines if ln.startswith("ssd_mobilenet_v1_300 ")]
    assert line.split() == ["ssd_mobilenet_v1_300", "300x300", "19.3", "1.0", "M", "10"]
    assert "--list --measure counts" in lines[-1]
    assert cli.main(["init", "data", "--measure", "--out", "x"]) == 2
    assert "--measure is for --list" in capsys.readouterr().err


def test_a_detector_is_built_and_timed():
    """By hand: MobileNet v1 as Keras counts it without its top, four extra maps of two
    convolutions each with batch norm, and 1x1 heads of 95 numbers for each anchor."""
    extra = [(1024, 256), (512, 128), (256, 128), (256, 64)]
    convolutions = sum(i * o + 9 * o * 2 * o for i, o in extra)
    batch_norms = 4 * sum(o + 2 * o for _, o in extra)
    heads = 95 * (512 * 3 + (1024 + 512 + 256 + 256 + 128) * 6 + 3 + 5 * 6)
    found = measured(CHOICES[0].config())
    assert found.parameters == 3_228_864 + convolutions + batch_norms + heads
    assert found.milliseconds > 0
