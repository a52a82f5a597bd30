"""The `od-api` command lines of README.md and docs/, for the tests that run them."""

import pathlib
import re
import shlex
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# A line of a block, with the lines that it goes on in.
_LINE = re.compile(r"^(?:    |\$ )?(od-api (?:.*\\\n)*.*)$", re.M)
_BLOCK = re.compile(r"^```.*?\n(.*?)^```|^((?:    .*\n)+)", re.M | re.S)
_INLINE = re.compile(r"`(od-api\b[^`]*)`")
# What stands for something: [OUTPUT], "...".
_FORM = re.compile(r"\[[A-Z-]|\.\.\.")


class Command(NamedTuple):
    """A command line of a page.

    Attributes:
      page: its name.
      words: what follows `od-api`.
      is_whole: it can be typed as it is; otherwise it tells of a verb and flags.
    """

    page: str
    words: tuple
    is_whole: bool

    def __str__(self):
        return f"{self.page}: od-api {shlex.join(self.words)}"


def documented_commands():
    """Every Command of every page, in order."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for block in _BLOCK.finditer(text):
            for line in _LINE.findall(block[1] or block[2]):
                found.append(_command(page, line, not _FORM.search(line)))
        outside = _BLOCK.sub("", text)
        found += [_command(page, line, False) for line in _INLINE.findall(outside)]
    return found


def _command(page, line, is_whole):
    words = shlex.split(line.replace("\\\n", " "), comments=True)
    return Command(page.name, tuple(words[1:]), is_whole)
