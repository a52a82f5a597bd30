"""Numbers as text in annotations of strangers."""

import math
import re

from od_api.core.printable import printable

# Pixels a side; no format of images has more.
LARGEST_SIDE = 2**31 - 1
# Python would take `1_000` and digits of other scripts, too.
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_SHOWN = 40


def number(text):
    """The finite float that a text is.

    Raises:
      ValueError: it is none. The message begins with the text, in quotes.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a number")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is too large a number")
    return value


def shown(value):
    """A value of a file as errors show it: text in quotes, and not too long."""
    text = repr(value)
    cut = f"... ({len(text)} long)" if len(text) > _SHOWN else ""
    return printable(text[:_SHOWN]) + cut
