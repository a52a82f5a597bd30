"""Errors of TensorFlow in reading records, in words of their own."""

import re

import tensorflow as tf

from od_api.core.printable import printable

# What reading a batch raises: TensorFlow's errors, and Python's where the text of one
# (it quotes the record) is no UTF-8.
FAILURES = (tf.errors.OpError, UnicodeDecodeError)
# What TensorFlow says of its own places before it says what is wrong.
_PLACES = re.compile(
    r"^.*?Iterator::\S+: |\{\{(function_)?node .*?\}\} ?|assertion failed: "
)


def reason_of(error):
    """What an error of TensorFlow says, in one line without its own places."""
    if isinstance(error, UnicodeDecodeError):
        raw = error.object
        text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(error)
    else:
        text = error.message or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # The reason stands above the first place in the graph, which may have a heading.
    end = next((i for i, line in enumerate(lines) if line.startswith("[[{{")), 0)
    reason = lines[max(end - 1, 0)] if lines else type(error).__name__
    told = _PLACES.sub("", reason).split(" [Op:")[0]
    return printable(told.strip().rstrip("."))
