"""The table of detectors."""

from od_api.init.detector_choices import DEFAULT, choices
from od_api.init.detector_table import detector_table
from od_api.init.measured_detectors import Measured


def test_one_line_a_detector_with_what_was_measured():
    table = detector_table({DEFAULT: Measured(2_540_000, 31.5)})
    head, *lines = table.splitlines()
    assert head.startswith("detector") and len(lines) == len(choices())
    (default,) = [line for line in lines if "(default)" in line]
    assert default.startswith(f"{DEFAULT} ") and "2.5 M  " in default
    assert default.endswith("31.5")
    others = [line for line in lines if line != default]
    assert all(line.endswith("-") for line in others)
