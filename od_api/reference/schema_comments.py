"""The comments of the schema's files, which compiled messages do not have."""

import functools
import re

from od_api.system import shipped

_OPENS = re.compile(r"(message|enum|oneof)\s+(\w+)\s*\{")
_FIELD = re.compile(
    r"(?:(?:optional|repeated|required)\s+)?[\w.<>, ]+\s(\w+)\s*=\s*\d+"
)
_VALUE = re.compile(r"(\w+)\s*=\s*-?\d+")


@functools.cache
def schema_comments(folder=None):
    """{full name of a message, field, enum or value: its comment, one line}.

    Names are without the package: `TrainConfig`, `TrainConfig.batch_size`.

    Args:
      folder: of the `.proto` files; None: those of the package.
    """
    found = {}
    for path in sorted((folder or shipped.schema()).glob("*.proto")):
        found.update(comments_of(path.read_text("utf-8")))
    return found


def comments_of(text):
    """As `schema_comments`, of the text of one file."""
    found, scopes, said = {}, [], []
    for line in map(str.strip, text.splitlines()):
        code, _, comment = line.partition("//")
        if comment:
            said.append(comment.strip())
        if opened := _OPENS.match(code):
            kind, name = opened.groups()
            # What a oneof holds belongs to the message around it.
            scopes.append(None if kind == "oneof" else name)
            if said and kind != "oneof":
                found[_name(scopes)] = " ".join(said)
            if "}" in code:
                scopes.pop()
        elif code.startswith("}"):
            scopes.pop()
        elif named := _FIELD.match(code) or _VALUE.match(code):
            if said:
                found[_name([*scopes, named[1]])] = " ".join(said)
        elif comment:
            continue
        said = []
    return found


def _name(scopes):
    return ".".join(scope for scope in scopes if scope)
