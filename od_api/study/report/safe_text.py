"""Text of results in tables that other programs open: shown, and never obeyed.

Results come from other people's machines. A spreadsheet runs a cell that begins like a
formula, and Markdown becomes a page with whatever tags and links stand in it.
"""

import math

from od_api.core.printable import printable

# What a formula begins with, in spreadsheets of both widths of letters.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MARKDOWN = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "[": "\\[",
    "]": "\\]",
    "|": "\\|",
}


def csv_cell(value):
    """A value of a CSV table; text like a formula gets the mark that makes it text."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def csv_text(cell):
    """The text that `csv_cell` made a cell of."""
    text = printable(cell)
    marked = text[:1] == "'" and text[1:].lstrip().startswith(_FORMULA)
    return text[1:] if marked else text


def markdown(text):
    """Text in Markdown, in a table or not: without tags, links and line breaks."""
    return "".join(_MARKDOWN.get(c, c) for c in printable(text))


def made_printable(value):
    """A value of JSON with all its text made printable, and None for NaN and inf."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [made_printable(part) for part in value]
    if isinstance(value, dict):
        return {printable(k): made_printable(part) for k, part in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
