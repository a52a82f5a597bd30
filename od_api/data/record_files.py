"""Which TFRecord files an `input_path` names."""

import collections
import difflib
import os
import pathlib
import re

import tensorflow as tf
from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.record_source import RecordSource
from od_api.system.files import require_regular, unreadable

_WILD = re.compile(r"[*?\[]")
# name-00003-of-00020, with or without an ending behind it.
_SHARD = re.compile(r"-(\d{3,6})-of-(\d{3,6})((?:\.\w+)*)$")
# name@20: all shards of a set of 20; name@*: of whatever number there are.
_ALL_OF = re.compile(r"@(\d{1,6}|\*)$")
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


def expand(patterns):
    """The files that `input_path` names, in a fixed order.

    Hidden files never match, nor do folders where a pattern has wildcards.

    Args:
      patterns: a string or a list of strings: paths, globs (`x.record-?????-of-00010`),
        sets of shards (`x.record@10`, `x.record@*`), or comma lists of these. A
        RecordSource stands for itself.

    Returns:
      list of paths, in the order of the patterns and sorted within each; none twice.

    Raises:
      UserError: a pattern without a file, with the nearest existing name; a set of
        shards that is not complete, or two of one name; what is no regular file.
    """
    if isinstance(patterns, str | os.PathLike):
        patterns = [patterns]
    paths = {}
    for pattern in patterns:
        if isinstance(pattern, RecordSource):
            paths[pattern] = None
            continue
        for part in _parts(str(pattern)):
            paths.update(dict.fromkeys(_matches(part)))
    if not paths:
        raise UserError("input_path is empty: name at least one TFRecord")
    return list(paths)


def _parts(pattern):
    """The patterns of a comma list, unless a file has that comma in its name."""
    if "\0" in pattern or not _is_utf8(pattern):
        raise UserError(
            f"{printable(pattern)}: TensorFlow reads no path with such a character"
        )
    if "," in pattern and tf.io.gfile.exists(pattern.strip()):
        return [pattern.strip()]
    return [part for part in (p.strip() for p in pattern.split(",")) if part]


def _is_utf8(text):
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _matches(part):
    """The sorted files of one pattern."""
    for pattern in _forms(part):
        found = _glob(pattern)
        if found:
            break
    else:
        raise UserError(_no_match(part))
    if pattern != part and "\\" in part:
        logging.info("reading %s as %s", printable(part), printable(pattern))
    if found != [part]:
        _check_sets(part, found)
    return found


def _forms(part):
    """The pattern as it is, then as what else it may mean."""
    yield part
    if match := _ALL_OF.search(part):
        number = "?????" if match[1] == "*" else f"{int(match[1]):05d}"
        yield f"{part[: match.start()]}-?????-of-{number}"
    if "\\" in part and not _DRIVE.match(part):
        yield part.replace("\\", "/")


def _glob(pattern):
    """Regular files that match and are not hidden; a real name with `[` or `?`, too."""
    try:
        found = sorted(tf.io.gfile.glob(pattern))
        if not found and tf.io.gfile.exists(pattern):
            found = [pattern]
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0]
        raise UserError(f"cannot look for {printable(pattern)}: {reason}") from error
    hidden = os.path.basename(pattern).startswith(".")
    if _WILD.search(pattern) and found != [pattern] and not hidden:
        found = [f for f in found if os.path.basename(f.rstrip("/"))[:1] != "."]
        files = [f for f in found if not os.path.isdir(f)]
        found = files or found
    for path in found:
        if "://" not in path:
            try:
                require_regular(path, "records")
            except OSError as error:
                raise UserError(unreadable(path, error, "records")) from error
    return found


def _check_sets(pattern, found):
    """Refuses sets of shards that are not complete, and mixed ones."""
    sets = collections.defaultdict(lambda: collections.defaultdict(set))
    for path in found:
        if match := _SHARD.search(path):
            shown = path[: match.start()], match[3]
            sets[shown][match[2]].add(int(match[1]))
    for (prefix, ending), totals in sets.items():
        if len(totals) > 1:
            names = " and ".join(f"of {int(total)}" for total in sorted(totals))
            example = f"{prefix}-?????-of-{max(totals)}{ending}"
            raise UserError(
                f"{printable(pattern)} matches sets of one name, {names} files: the "
                "data set was written more than once. Remove the older files, or name "
                f"one set ({printable(example)})"
            )
        for total, there in totals.items():
            _check_complete(pattern, (prefix, total, ending), there)


def _check_complete(pattern, shards, there):
    """Raises UserError if a shard that the pattern leaves out does not exist either."""
    prefix, total, ending = shards
    missing = [i for i in range(int(total)) if i not in there]
    names = (f"{prefix}-{i:0{len(total)}d}-of-{total}{ending}" for i in missing)
    first = next((name for name in names if not tf.io.gfile.exists(name)), None)
    if first is None:
        return
    others = len(missing) - 1
    what = f"and {others} more are" if others else "is"
    raise UserError(
        f"{printable(pattern)} matches {len(there)} of {int(total)} files: "
        f"{printable(first)} {what} missing; write the data set again, or name the "
        "files that are there"
    )


def _no_match(pattern):
    """Message about a pattern without a file, with what is there instead."""
    shown = printable(pattern)
    what = "matches no file" if _WILD.search(pattern) else "does not exist"
    if _DRIVE.match(pattern) and os.name != "nt":
        return f"{shown} {what}: it is a path of Windows; name the file as it is here"
    folder, name = _fixed_folder(pattern)
    if not tf.io.gfile.isdir(folder):
        return f"{shown} {what}: there is no folder {printable(folder)}"
    names = sorted(n for n in tf.io.gfile.listdir(folder) if n[0] != ".")
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"{shown} {what}; the nearest there: {printable(', '.join(close))}"
    listed = printable(", ".join(names[:5])) or "no files"
    return f"{shown} {what}; {printable(folder)} has {listed}"


def _fixed_folder(pattern):
    """(the innermost folder without wildcards, what is wanted in it)."""
    path = pathlib.PurePath(pattern)
    folder, name = path.parent, path.name
    while _WILD.search(str(folder)):
        folder, name = folder.parent, folder.name
    return str(folder), name
