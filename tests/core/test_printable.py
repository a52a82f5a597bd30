"""Text from strangers' files, as it is shown."""

import pytest

from od_api.core.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\u00e9 \u732b \U0001f431", "caf\u00e9 \u732b \U0001f431"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\tc", r"a\x0ab\x09c"),
        ("a\u202eb", r"a\u202eb"),
        ("\ud800", r"\ud800"),
        (b"\xff\x1b", r"\xff\x1b"),
        (7, "7"),
    ],
)
def test_what_commands_a_terminal_becomes_an_escape(text, shown):
    assert printable(text) == shown
    shown.encode()


def test_what_is_too_long_to_read_is_cut():
    assert printable("x" * 500) == "x" * 500
    assert printable("x" * 10**6) == "x" * 500 + "... (1,000,000 characters)"
    assert printable("a\n" + "x" * 5000, lines=True).endswith("x... (5,000 characters)")


def test_lines_may_be_kept():
    assert printable("a\tb\nc\x1b\r", lines=True) == "a\tb\nc\\x1b\\x0d"
