"""Names that two files write differently."""

import pytest

from od_api.data.class_names import did_you_mean, nearest_text, quoted, writing


@pytest.mark.parametrize(
    ("text", "known", "near"),
    [
        ("Traffic Light", ["traffic_light", "traffic"], "traffic_light"),
        # Full-width letters.
        ("\uff43\uff41\uff54", ["cat"], "cat"),
        ("elefant", ["elephant", "cat"], "elephant"),
        # The same letters come before a likely slip.
        ("t-shirt", ["tshirts", "T_Shirt"], "T_Shirt"),
        ("zebra", ["cat", "dog"], None),
        ("--", ["cat"], None),
        ("cat", [], None),
    ],
)
def test_nearest_text(text, known, near):
    assert nearest_text(text, known) == near


def test_writing_leaves_letters_and_digits():
    assert writing("Red-Blood_Cell 2") == "redbloodcell2"


def test_hint_shows_letters_that_look_the_same():
    assert did_you_mean("kat", None) == ""
    assert did_you_mean("kat", "cat") == "; did you mean 'cat'?"
    cyrillic = "c\u0430t"
    hint = did_you_mean(cyrillic, "cat")
    assert hint == "; did you mean 'cat'? ('c\\u0430t' is not 'cat')"


def test_quotes_show_spaces_and_hold_no_control_characters():
    assert quoted(" a b ") == "' a b '"
    assert "\x1b" not in quoted("a\x1b[2J")
