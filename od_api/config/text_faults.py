"""What people write by mistake into protobuf text, in words that name the cure.

protobuf says what it expected. These functions look at what stands there instead: a
typographic quote, an `=`, a page of HTML, a path of Windows.
"""

import re
import unicodedata
from typing import NamedTuple

from od_api.config.text_layout import tokens
from od_api.core.printable import printable

_DOCUMENTS = (
    (re.compile(r"<{7} "), "the marks of an unfinished merge"),
    (re.compile(r"<"), "HTML or XML (of a web site, download the raw file)"),
    (re.compile(r"[{\[]"), "JSON"),
    (re.compile(r"---|%YAML"), "YAML"),
    (
        re.compile(r"version https://git-lfs"),
        "a pointer of Git LFS: run `git lfs pull`",
    ),
    (re.compile(r"item\b"), "a label map"),
)
_COMMENTS = ("//", "/*", "--", "; ")
_QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2032\u2033`\u00b4"
_STAND_FOR = {**dict.fromkeys(_QUOTES, '"'), "\u2212": "-", "\u2013": "-"}
# Fields that hold paths, and those that hold regular expressions.
_PATHS = re.compile(r"path|_dir$|_checkpoint$|^weights$|^base$|^config$")
_PATTERNS = re.compile(r"variables$")
_ESCAPE = re.compile(r"\\(?:[0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|.)", re.DOTALL)
_CONTROL = re.compile(
    r"\\(?:[abfnrtv]|[01]?[0-7]{1,2}(?![0-7])|[01][0-7]{2}|[xX][0-7])"
)
_BYTE = re.compile(r"\\(?:[23][0-7]{2}|[xX][89a-fA-F][0-9a-fA-F])")
_DRIVE = re.compile(r"[A-Za-z]:\\(?!\\)")


class Fault(NamedTuple):
    """What is wrong, and where."""

    problem: str
    line: int
    column: int


def fault_at(text, line, column, problem):
    """The `Fault` behind an error of protobuf at a place, or None if none is known.

    Args:
      text: the whole text.
      line: from 1.
      column: from 1.
      problem: protobuf's words.
    """
    lines = text.split("\n")
    here = lines[line - 1] if line <= len(lines) else ""
    rest = here[column - 1 :]
    name = _name_before(here[: column - 1])
    known = (
        _document(text, line, column, rest)
        or _bad_string(rest, problem)
        or _bad_character(rest)
        or _bad_mark(rest, name)
        or _bad_value(rest, name, problem)
    )
    if known:
        return Fault(known, line, column)
    if 'Expected "{"' in problem:
        return _no_brace(text, line, column)
    return None


def escaped_path(text):
    """The first `Fault` of a backslash that is read as something else, or None.

    In a path `\\t` is a tab and `\\U` the begin of a code: what Windows shows as
    `D:\\tf` would be read as another name. In a field of regular expressions `\\.`
    stays as it is, and only what becomes a control character is at fault.
    """
    if "\\" not in text:
        return None
    field = ""
    for token in tokens(text):
        if token.kind == "word":
            field = token.text
        elif token.kind == "string" and "\\" in token.text:
            problem = _bad_escape(field, token.text[1:-1])
            if problem:
                return Fault(problem, token.line, token.column)
    return None


def _bad_escape(field, value):
    if _PATTERNS.search(field):
        found = _CONTROL.search(value.replace("\\\\", "  "))
        if found:
            return (
                f"in {field}, `{found[0]}` is a control character; write `\\{found[0]}`"
            )
        return None
    if not _PATHS.search(field):
        return None
    wrong = [
        escape[0]
        for escape in _ESCAPE.finditer(value)
        if escape[0][1] not in "\\\"'" and not _BYTE.fullmatch(escape[0])
    ]
    drive = _DRIVE.match(value)
    if not wrong and not drive:
        return None
    better = re.sub(r"\\+", "/", value)[:200]
    return (
        f"{field} has a backslash (`{wrong[0] if wrong else drive[0][-1]}`), which "
        "begins an escape here and separates nothing: write / or \\\\ in paths, e.g. "
        f'"{better}"'
    )


def _document(text, line, column, rest):
    first = re.search(r"\S", text)
    before = text[: first.start()] if first else ""
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    if place != (line, column):
        return None
    for pattern, name in _DOCUMENTS:
        if pattern.match(rest):
            return (
                f"this is {name}; what is needed is protobuf text: `name: value`, "
                "`name { ... }`"
            )
    return None


def _bad_string(rest, problem):
    if "missing ending quote" not in problem:
        return None
    end = re.search(f"[{_QUOTES}]", rest[1:])
    if end:
        return (
            f"the text that begins here ends with {_named(end[0])}, and not with the "
            f"{rest[0]} that it began with"
        )
    return f"the text that begins here has no closing {rest[0]} on its line"


def _bad_character(rest):
    """Whether a character stands there that looks like another, or like nothing."""
    if not rest or " " <= rest[0] <= "~" or rest[0] in "\t\r":
        return None
    wide = unicodedata.normalize("NFKC", rest[0])
    stands_for = _STAND_FOR.get(rest[0]) or (wide if wide in ':;,"=#{}' else "")
    cure = f"type {stands_for} instead" if stands_for else "remove it"
    return f"{_named(rest[0])} has no meaning here: {cure}"


def _bad_mark(rest, name):
    if rest[:1] == "=":
        return f"`=` stands where `:` or `{{` belongs: write `{name or 'name'}: value`"
    if rest[:1] in tuple("/;%!&*") or rest[:2] in _COMMENTS:
        hint = "; a comment begins with #" if rest[:2] in _COMMENTS else ""
        return f"`{rest[:2].strip()}` has no meaning here{hint}"
    if re.match(r"(<{7}|={7}|>{7})", rest):
        return "the marks of an unfinished merge"
    return None


def _bad_value(rest, name, problem):
    word = printable((re.match(r"[^\s{}]*", rest) or [""])[0])[:40]
    if rest[:1] in ("]", ",") and "got" not in problem:
        return f"a value of {name} is missing before `{rest[0]}`"
    if "Expected string but found" in problem:
        return f'text stands in quotes: write `{name}: "{word}"`'
    if 'Expected ":"' in problem:
        return f"`{name}` holds a value: write `{name}: {word or '...'}`"
    if "xtension" in problem:
        return "names in brackets ([...]) are extensions, and there are none"
    if "Couldn't parse integer" in problem:
        return f"Couldn't parse integer: {name} is a whole number, and not {word}"
    if "Couldn't parse float" in problem:
        return f"Couldn't parse float: {name} is a number, and not {word}"
    if "Value out of range" in problem:
        return f"{word} is out of the range of {name}"
    if 'Expected "true" or "false"' in problem:
        return f"{name} is true or false, and not {word}"
    return None


def _no_brace(text, line, column):
    """A message whose brace is missing: the place is that of its name."""
    before = None
    for token in tokens(text):
        if (token.line, token.column) >= (line, column):
            break
        if token.kind == "word":
            before = token
    if before is None:
        return None
    problem = f"`{before.text}` is a message: write `{before.text} {{ ... }}`"
    if before.line < line:
        problem += " (by indentation alone, as in YAML, nothing is enclosed)"
        return Fault(problem, before.line, before.column)
    return Fault(problem, line, column)


def _name_before(before):
    """The name of the field that a value at the end of `before` belongs to."""
    found = re.search(r"(\w+)\s*:?\s*(?:\[[^\]]*)?$", before)
    return found[1] if found else "the field"


def _named(character):
    name = unicodedata.name(character, "a control character").lower()
    shown = f"{character} " if character.isprintable() else ""
    return f"{shown}(U+{ord(character):04X}, {name})"
