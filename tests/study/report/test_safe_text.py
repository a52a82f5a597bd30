"""Text of results in CSV, Markdown and on terminals."""

import pytest

from od_api.study.report.safe_text import (
    csv_cell,
    csv_text,
    made_printable,
    markdown,
)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\uff1d1"])
def test_a_formula_becomes_text(text):
    assert csv_cell(text).startswith("'")


@pytest.mark.parametrize("value", ["cat", "ssd_a-b", "a=b", -1.5, 3, True])
def test_what_is_no_formula_stays(value):
    assert csv_cell(value) == value
    assert csv_cell(None) == ""


@pytest.mark.parametrize("text", ["=1+1", " =1", "cat", "'tis", "", "AP, mean"])
def test_the_text_of_a_cell_is_read_again(text):
    assert csv_text(csv_cell(text)) == text


def test_markdown_has_no_tags_links_and_rows_of_its_own():
    assert markdown("<script>alert(1)</script>") == (
        "&lt;script&gt;alert(1)&lt;/script&gt;"
    )
    assert markdown("[a](javascript:b)") == "\\[a\\](javascript:b)"
    assert markdown("a|b\nc") == "a\\|b\\x0ac"
    assert markdown("AP `x` of ssd_mobilenet_v1") == "AP `x` of ssd_mobilenet_v1"


def test_all_text_in_json_is_made_printable():
    value = {"\x1b": ["\x1b]0;", 1, None, {"a": "b"}]}
    assert made_printable(value) == {"\\x1b": ["\\x1b]0;", 1, None, {"a": "b"}]}
    assert made_printable([float("nan"), float("-inf"), 0.5]) == [None, None, 0.5]
