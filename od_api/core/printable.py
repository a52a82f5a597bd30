"""Text from files, made safe to show."""

import re

# Control characters of C0 and C1 (a terminal obeys them: titles, the clipboard), those
# that turn the direction of writing, and halves of surrogate pairs.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNSAFE_OR_BREAK = re.compile(f"{_UNSAFE.pattern}|[\t\n\u2028\u2029]")


def printable(text, lines=False):
    """The text with what would command a terminal written as an escape (`\\x1b`).

    Class names, ids and paths come from files of strangers: whoever prints one prints
    `printable(name)`.

    Args:
      text: anything; str() is taken of it, and bytes are read as UTF-8.
      lines: keeps tabs and line breaks, for text of several lines.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="backslashreplace")
    unsafe = _UNSAFE if lines else _UNSAFE_OR_BREAK
    return unsafe.sub(lambda match: _escape(match[0]), str(text))


def _escape(character):
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
