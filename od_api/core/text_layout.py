"""Where each field of a text-format message stands in its file.

protobuf reports a position only for what it cannot parse. For errors found later (a
part that refuses a value) and for braces that are never closed, this scanner walks the
text once and remembers the line and column of every field.
"""

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<word>[^\s{}<>\[\]:,;"'\#]+)
      | (?P<mark>.)""",
    re.VERBOSE,
)
_CLOSING = {"{": "}", "<": ">"}


class Token(NamedTuple):
    kind: str
    text: str
    line: int
    column: int
    offset: int


class Field(NamedTuple):
    """One occurrence of a field: its path with indices, its place and its extent."""

    path: tuple
    line: int
    column: int
    start: int
    end: int


class OpenMessage(NamedTuple):
    """A message whose brace is open: the field's name and place."""

    name: str
    line: int
    column: int


class TextLayout:
    """Fields and braces of one text.

    Attributes:
      fields: every `Field`, in order of appearance.
      unclosed: `OpenMessage`s still open at the end of the text, outermost first.
      stray: the `Token` of a closing brace that closes nothing, or None.
    """

    def __init__(self, text):
        self._tokens = list(_tokens(text))
        self._position = 0
        self.fields = []
        self.unclosed = []
        self.stray = None
        self._opened_at = []
        while self._position < len(self._tokens):
            self._message((), None)
            if self._position < len(self._tokens):
                self.stray = self.stray or self._tokens[self._position]
                self._position += 1

    def find(self, path):
        """The `Field` at a dotted path such as `a.b[1].c`, or None."""
        wanted = [_split_index(part) for part in path.split(".")] if path else []
        for field in self.fields:
            if len(field.path) == len(wanted) and all(
                name == want and (index is None or index == at)
                for (name, at), (want, index) in zip(field.path, wanted, strict=True)
            ):
                return field
        return None

    def nearest(self, path):
        """The `Field` at the path or at its longest prefix that is in the text."""
        parts = path.split(".")
        for end in range(len(parts), 0, -1):
            field = self.find(".".join(parts[:end]))
            if field:
                return field
        return None

    def open_at(self, line, column):
        """The `OpenMessage`s around a place, outermost first."""
        around = []
        for opened, closed in self._opened_at:
            starts = (opened.line, opened.column) < (line, column)
            if starts and (closed is None or (line, column) <= closed):
                around.append(opened)
        return around

    def _peek(self):
        if self._position < len(self._tokens):
            return self._tokens[self._position]
        return None

    def _next(self):
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _message(self, path, closing):
        """Reads fields until `closing`; returns that token, or None at the end."""
        counts = {}
        while (token := self._peek()) is not None:
            if token.text in ("}", ">") and token.kind == "mark":
                return self._next() if token.text == closing else None
            self._next()
            if token.kind != "word":
                continue
            index = counts.get(token.text, 0)
            counts[token.text] = index + 1
            self._field((*path, (token.text, index)), token)
        return None

    def _field(self, path, name):
        slot = len(self.fields)
        self.fields.append(None)
        token = self._peek()
        if token is not None and token.text == ":":
            self._next()
            token = self._peek()
        if token is not None and token.kind == "mark" and token.text in _CLOSING:
            self._open(path, name, _CLOSING[self._next().text])
        elif token is not None and token.text == "[":
            while self._peek() is not None and self._next().text != "]":
                pass
        elif token is not None and token.kind in ("word", "string"):
            while (token := self._next()).kind == "string":
                after = self._peek()
                if after is None or after.kind != "string":
                    break
        last = self._tokens[self._position - 1]
        self.fields[slot] = Field(
            path, name.line, name.column, name.offset, last.offset + len(last.text)
        )

    def _open(self, path, name, closing):
        opened = OpenMessage(name.text, name.line, name.column)
        slot = len(self._opened_at)
        self._opened_at.append((opened, None))
        token = self._message(path, closing)
        if token is None:
            self.unclosed.insert(0, opened)
        else:
            self._opened_at[slot] = (opened, (token.line, token.column))


def _split_index(part):
    match = re.fullmatch(r"(.+?)\[(\d+)\]", part)
    return (match[1], int(match[2])) if match else (part, None)


def _tokens(text):
    line, line_start = 1, 0
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            column = match.start() - line_start + 1
            yield Token(match.lastgroup, match[0], line, column, match.start())
        newlines = match[0].count("\n")
        if newlines:
            line += newlines
            line_start = match.start() + match[0].rindex("\n") + 1
