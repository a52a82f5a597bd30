"""Numbers of annotations."""

import pytest

from od_api.data.converters.numerals import number, shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        (" -2.50 ", -2.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e-3", 0.001),
        ("+7E2", 700),
    ],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "nan", "inf", "1_0", "\u00b2", "\u0663", "0x10", "1,5", "1 2", "1e400"],
)
def test_what_is_none(text):
    with pytest.raises(ValueError, match="number"):
        number(text)


def test_long_values_are_cut():
    with pytest.raises(ValueError, match="5002 long"):
        number("9" * 5000)
    assert len(shown("x" * 9999)) < 70
    assert shown("\x1b]0;x\x07") == "'\\x1b]0;x\\x07'"
