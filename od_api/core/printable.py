"""Text from files, made safe to show."""

import re

# Control characters of C0 and C1 (a terminal obeys them: titles, the clipboard), those
# that turn the direction of writing, and halves of surrogate pairs.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# A name or id may be so long, and a line of several; what is longer hides the rest.
_LONGEST, _LONGEST_LINE = 500, 4000
_UNSAFE_OR_BREAK = re.compile(f"{_UNSAFE.pattern}|[\t\n\u2028\u2029]")


def printable(text, lines=False):
    """The text with what would command a terminal written as an escape (`\\x1b`).

    Class names, ids and paths come from files of strangers: whoever prints one prints
    `printable(name)`. Beyond 500 characters (4,000 a line, with `lines`) it is cut, and
    says so.

    Args:
      text: anything; str() is taken of it, and bytes are read as UTF-8.
      lines: keeps tabs and line breaks, for text of several lines.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="backslashreplace")
    if lines:
        return "\n".join(
            _safe(line, _UNSAFE, _LONGEST_LINE) for line in str(text).split("\n")
        )
    return _safe(str(text), _UNSAFE_OR_BREAK, _LONGEST)


def _safe(text, unsafe, longest):
    if len(text) > longest:
        text = f"{text[:longest]}... ({len(text):,} characters)"
    return unsafe.sub(lambda match: _escape(match[0]), text)


def _escape(character):
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
