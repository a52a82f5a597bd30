"""From protobuf text to a message, and from protobuf's errors to the author's mistake.

Used for every file in text format: configs, label maps, grids.
"""

import difflib
import re

from google.protobuf import text_format

from od_api.config.text_faults import escaped_path, fault_at
from od_api.config.text_layout import MAX_DEPTH, TextLayout
from od_api.core.errors import ConfigError
from od_api.core.printable import printable
from od_api.core.warn_once import warn_once

# Fields of released configs that later schemas dropped: cut out, and the log says so.
RETIRED_FIELDS = {
    ("SsdFeatureExtractor", "batch_norm_trainable"): (
        "batch norm follows conv_hyperparams.batch_norm.train and freeze_batchnorm"
    ),
}
_UNKNOWN_FIELD = re.compile(r'type "([\w.]+)" has no field named "([^"]+)"')
_UNKNOWN_VALUE = re.compile(r'Enum type "([\w.]+)" has no value named (\w+)')
_SECOND_VALUE = re.compile(r'should not have multiple "(\w+)" fields')


def parse_message(text, message, name):
    """Merges text format into `message`.

    A field that is given twice is merged, and the last value counts, as in the old
    API; the log says where.

    Args:
      text: what to parse.
      message: an instance of the message type that the text describes.
      name: the file's name, for errors; may be empty.

    Raises:
      ConfigError: with `name:line:column` and the nearest valid name.
    """
    escaped = escaped_path(text)
    if escaped:
        raise ConfigError(escaped.problem, location=_place(name, *escaped[1:]))
    try:
        _parse(text, message, name)
    except RecursionError as error:
        raise _too_deep(text, name) from error
    except text_format.ParseError as error:
        shorter = _without_retired_field(text, error)
        if shorter is None:
            raise _explain(error, text, message.DESCRIPTOR, name) from error
        message.Clear()
        parse_message(shorter, message, name)


def located(error, text, path):
    """A ConfigError with the place of its field in a file of that text (or None)."""
    field = TextLayout(text).nearest(error.field_path) if text else None
    place = f"{path}:{field.line}:{field.column}" if field else str(path)
    return ConfigError(error.message, error.field_path, place)


def nearest(name, valid):
    """`Did you mean ...?` for a misspelt name, or the list of valid names if few.

    One that differs in underscores and case alone is it.
    """
    close = [known for known in valid if _plain(known) == _plain(name)]
    if not close:
        close = difflib.get_close_matches(name, list(valid), n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "valid names: " + ", ".join(sorted(valid))


def _plain(name):
    return name.replace("_", "").casefold()


def _parse(text, message, name):
    before = type(message)()
    before.CopyFrom(message)
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        second = _SECOND_VALUE.search(str(error))
        if not second:
            raise
        place = _place(name, error.GetLine(), error.GetColumn()) or text[:60]
        message.CopyFrom(before)
        text_format.Merge(text, message)
        warn_once(
            f"{printable(place)}: {second[1]} is given a second time, and the last "
            "value counts"
        )


def _place(name, line, column):
    return f"{name}:{line}:{column}" if name else ""


def _too_deep(text, name):
    deep = TextLayout(text).too_deep
    place = _place(name, deep.line, deep.column) if deep else name
    return ConfigError(
        f"messages are nested more than {MAX_DEPTH} deep, which nothing here needs",
        location=place,
    )


def _without_retired_field(text, error):
    """The text without the retired field that `error` is about, or None."""
    match = _UNKNOWN_FIELD.search(str(error))
    if not match:
        return None
    reason = RETIRED_FIELDS.get((match[1].rsplit(".", 1)[-1], match[2]))
    if reason is None:
        return None
    place = (error.GetLine(), error.GetColumn())
    for field in TextLayout(text).fields:
        if (field.line, field.column) == place:
            warn_once(f"{match[2]} has no effect any more: {reason}")
            blank = re.sub(r"[^\n]", " ", text[field.start : field.end])
            return text[: field.start] + blank + text[field.end :]
    return None


def _explain(error, text, descriptor, name):
    """A ConfigError that says what protobuf's ParseError means for the author."""
    line, column = error.GetLine(), error.GetColumn()
    problem = _protobufs_words(error, text)
    pool = descriptor.file.pool
    unknown = _UNKNOWN_FIELD.search(str(error))
    enum = _UNKNOWN_VALUE.search(str(error))
    fault = fault_at(text, line, column, problem)
    if unknown and not fault:
        owner = pool.FindMessageTypeByName(unknown[1])
        problem = _unknown_field(owner, unknown[2], text, line, column, descriptor)
    elif enum and not fault:
        values = pool.FindEnumTypeByName(enum[1]).values_by_name
        problem = f"{enum[1].rsplit('.', 1)[-1]} has no value {enum[2]}; " + nearest(
            enum[2], values
        )
    elif fault:
        problem, line, column = fault
    else:
        problem = _brace_problem(text, line, column, problem) or problem
    return ConfigError(printable(problem), location=_place(name, line, column))


def _protobufs_words(error, text):
    """protobuf's message without the place, package and line that it repeats."""
    line, column = error.GetLine(), error.GetColumn()
    lines = text.split("\n")
    problem = str(error).removeprefix(f"{line}:{column} : ")
    if line and line <= len(lines):
        problem = problem.removeprefix(f"'{lines[line - 1]}': ").removeprefix("'': ")
    problem = problem.replace("od_api.protos.", "")
    return problem if len(problem) < 300 else problem[:300] + " ..."


def _brace_problem(text, line, column, problem):
    """What is wrong with braces at a place, or None where they are in order."""
    layout = TextLayout(text)
    if layout.unclosed and problem in ('Expected "}".', 'Expected ">".'):
        opened = layout.unclosed[-1]
        return (
            f"the brace of `{opened.name} {{` opened at line {opened.line}, column "
            f"{opened.column} is never closed"
        )
    stray = layout.stray
    if stray and (stray.line, stray.column) == (line, column):
        return f"`{stray.text}` closes a brace that was never opened"
    rest = text.split("\n")[line - 1][column - 1 :]
    if rest[:1] in ("}", ">", "]", ")"):
        return f"the name of a field or a closing brace belongs here, and not {rest[0]}"
    return None


def _unknown_field(owner, field, text, line, column, root):
    """Message about a field that its message does not have."""
    if field[0].isdigit():
        return f"`{field}` is no field: numbers have a point, and no commas (0.5, 1000)"
    layout = TextLayout(text)
    around = layout.open_at(line, column)
    descriptors = [root]
    for opened in around[:-1]:
        inner = descriptors[-1].fields_by_name.get(opened.name)
        if inner is None or inner.message_type is None:
            break
        descriptors.append(inner.message_type)
    for outer in reversed(descriptors):
        if outer is not owner and field in outer.fields_by_name and layout.unclosed:
            opened = around[-1]
            return (
                f"`{field}` belongs to {outer.name}, but stands inside {owner.name}: "
                f"the brace of `{opened.name} {{` opened at line {opened.line}, "
                f"column {opened.column} is probably not closed"
            )
    return f"{owner.name} has no field {field}; " + nearest(field, owner.fields_by_name)
