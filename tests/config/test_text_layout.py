"""Where fields stand, in texts of any depth and length."""

from od_api.config.text_layout import MAX_DEPTH, TextLayout


def test_fields_of_lists_and_nested_messages():
    layout = TextLayout("a { b: 1 }\na { b: [2, 3] c < d: 'x' 'y' > }")
    assert layout.find("a.b")[1:3] == (1, 5)
    assert layout.find("a[1].b")[1:3] == (2, 5)
    assert layout.find("a[1].c.d")[1:3] == (2, 19)
    assert layout.find("a[2]") is None
    assert layout.nearest("a[1].c.e.f").path == (("a", 1), ("c", 0))
    field = layout.find("a[1].c")
    assert (field.line, field.start, field.end) == (2, 25, 41)
    assert not layout.unclosed and not layout.stray


def test_item_of_a_list():
    """It has the place of the list; the third of two messages that of the first."""
    layout = TextLayout('a {\n  b: ["x", "y"] c {} c { d: 1 } }')
    assert layout.nearest("a.b[1]").path == (("a", 0), ("b", 0))
    assert layout.nearest("a.b[1]").line == 2
    assert layout.nearest("a.c[1].d").path == (("a", 0), ("c", 1), ("d", 0))
    assert layout.nearest("a.c[2]").path == (("a", 0), ("c", 0))


def test_braces_that_do_not_match():
    layout = TextLayout("a { b < c: 1 } d: 2 }")
    assert [opened.name for opened in layout.unclosed] == ["b"]
    assert (layout.stray.text, layout.stray.column) == ("}", 21)
    assert layout.find("d").column == 16


def test_messages_around_a_place():
    layout = TextLayout("a {\n b { c: 1 }\n d: 2 }")
    assert [opened.name for opened in layout.open_at(2, 6)] == ["a", "b"]
    assert [opened.name for opened in layout.open_at(3, 2)] == ["a"]


def test_reading_ends_below_the_greatest_depth():
    layout = TextLayout("a { " * 50000)
    assert layout.too_deep.column == 1 + 4 * MAX_DEPTH
    assert len(layout.fields) == MAX_DEPTH + 1
