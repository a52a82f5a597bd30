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
# protobuf's own limit for binary messages; no config comes near it.
MAX_DEPTH = 100


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


class _Frame(NamedTuple):
    """A message that is being read: its path, its brace, its slots, its counts."""

    path: tuple
    closing: str
    field: int
    opened: int
    counts: dict


class TextLayout:
    """Fields and braces of one text. Takes time and space linear in its length.

    Attributes:
      fields: every `Field`, in order of appearance.
      unclosed: `OpenMessage`s still open at the end of the text, outermost first.
      stray: the `Token` of a closing brace that closes nothing, or None.
      too_deep: the `OpenMessage` below `MAX_DEPTH` at which reading ended, or None.
    """

    def __init__(self, text):
        self._tokens = list(tokens(text))
        self._position = 0
        self.fields = []
        self.unclosed = []
        self.stray = None
        self.too_deep = None
        self._opened_at = []
        self._by_names = None
        self._frames = [_Frame((), "", -1, -1, {})]
        while self._position < len(self._tokens) and not self.too_deep:
            self._step(self._next())
        while len(self._frames) > 1:
            self._leave()
        self.unclosed.sort(key=lambda opened: (opened.line, opened.column))

    def find(self, path):
        """The `Field` at a dotted path such as `a.b[1].c`, or None."""
        wanted = [_split_index(part) for part in path.split(".")] if path else []
        if self._by_names is None:
            self._by_names = {}
            for field in self.fields:
                names = tuple(name for name, _ in field.path)
                self._by_names.setdefault(names, []).append(field)
        for field in self._by_names.get(tuple(name for name, _ in wanted), ()):
            if all(
                index is None or index == at
                for (_, at), (_, index) in zip(field.path, wanted, strict=True)
            ):
                return field
        return None

    def nearest(self, path):
        """The `Field` at the path or at its longest prefix that is in the text.

        An item of a list `[a, b]` stands where the list does.
        """
        parts = path.split(".")
        for end in range(len(parts), 0, -1):
            *before, last = parts[:end]
            name, _ = _split_index(last)
            field = self.find(".".join([*before, last]))
            field = field or self.find(".".join([*before, name]))
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

    def _step(self, token):
        """Reads one field, or the end of a message."""
        if token.kind == "mark" and token.text in _CLOSING.values():
            self._close(token)
        elif token.kind == "word":
            counts = self._frames[-1].counts
            index = counts.get(token.text, 0)
            counts[token.text] = index + 1
            self._field((*self._frames[-1].path, (token.text, index)), token)

    def _close(self, token):
        if all(frame.closing != token.text for frame in self._frames):
            self.stray = self.stray or token
            return
        while self._frames[-1].closing != token.text:
            self._leave()
        self._leave(token)

    def _field(self, path, name):
        slot = len(self.fields)
        self.fields.append(Field(path, name.line, name.column, name.offset, 0))
        token = self._peek()
        if token is not None and token.text == ":":
            self._next()
            token = self._peek()
        if token is not None and token.kind == "mark" and token.text in _CLOSING:
            self._open(path, name, slot, _CLOSING[self._next().text])
        elif token is not None and token.text == "[":
            while self._peek() is not None and self._next().text != "]":
                pass
        elif token is not None and token.kind in ("word", "string"):
            while (token := self._next()).kind == "string":
                after = self._peek()
                if after is None or after.kind != "string":
                    break
        self._ends(slot)

    def _open(self, path, name, slot, closing):
        opened = OpenMessage(name.text, name.line, name.column)
        if len(self._frames) > MAX_DEPTH:
            self.too_deep = opened
        self._frames.append(_Frame(path, closing, slot, len(self._opened_at), {}))
        self._opened_at.append((opened, None))

    def _leave(self, token=None):
        """Ends the innermost message, at its closing brace or without one."""
        frame = self._frames.pop()
        opened, _ = self._opened_at[frame.opened]
        if token is None:
            self.unclosed.append(opened)
        else:
            self._opened_at[frame.opened] = (opened, (token.line, token.column))
        self._ends(frame.field)

    def _ends(self, slot):
        last = self._tokens[self._position - 1]
        end = last.offset + len(last.text)
        self.fields[slot] = self.fields[slot]._replace(end=end)


def tokens(text):
    """Every `Token` of a text, comments and white space left out."""
    line, line_start = 1, 0
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            column = match.start() - line_start + 1
            yield Token(match.lastgroup, match[0], line, column, match.start())
        newlines = match[0].count("\n")
        if newlines:
            line += newlines
            line_start = match.start() + match[0].rindex("\n") + 1


def _split_index(part):
    match = re.fullmatch(r"(.+?)\[([0-9]{1,9})\]", part)
    return (match[1], int(match[2])) if match else (part, None)
