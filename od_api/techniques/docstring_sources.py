"""The publication that a docstring names."""

import inspect
import re
import sys

_DATED = r"(?:\b(?:19|20)\d\d\b|\barXiv\b)"
# "et al." and "Fig. 2" end no sentence: what follows the end of one is a capital.
_SENTENCE_END = re.compile(r"(?<!\bal)\.(?=\s+[A-Z`]|\s*$)")
_BRACKETS = re.compile(rf"\(([A-Z][a-z][^()]*{_DATED}[^()]*)\)")


def source_of(part):
    """The publication of a part; "" where none is named.

    It stands behind "Source:" in the class docstring, up to the end of the sentence, or
    in brackets: in the first line, that of the module, or further on.
    """
    text = inspect.getdoc(part) or ""
    module = sys.modules[part.__module__].__doc__
    own = source_in(text)
    if "Source: " in text:
        return own
    return source_in(text.split("\n")[0]) or source_in(module) or own


def source_in(text):
    """The publications that a text names before its arguments, joined by ";"."""
    prose = " ".join(re.split(r"\n(?:Args|Attributes):", text or "")[0].split())
    _, found, rest = prose.partition("Source: ")
    if found:
        return _SENTENCE_END.split(rest)[0]
    return "; ".join(dict.fromkeys(_BRACKETS.findall(prose)))
