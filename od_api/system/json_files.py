"""Reading JSON files of the user's: annotations, results, reports."""

import json

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.system.files import read_text


def read_json(path, what="JSON file"):
    """The value in a JSON file.

    Args:
      path: of a regular file, in any encoding that `files.read_text` takes.
      what: its name in errors, e.g. "COCO annotation file".

    Raises:
      UserError: as `files.read_text`, or it is no JSON (with line and column), is
        nested too deeply, or has a number of thousands of digits.
    """
    return parse_json(read_text(path, what), path, what)


def parse_json(text, path, what="JSON file"):
    """`read_json` of text that is there already; `path` names it in errors."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place, reason = f"{path}:{error.lineno}:{error.colno}", error.msg
        cut = error.pos >= len(text.rstrip())
        hint = ": it is empty or cut short" if cut else ""
        raise UserError(
            f"{printable(place)}: the {what} is no JSON: {reason}{hint}"
        ) from error
    except (RecursionError, ValueError) as error:
        nested = isinstance(error, RecursionError)
        reason = "is nested too deeply" if nested else f"cannot be read: {error}"
        raise UserError(f"{printable(path)}: the {what} {reason}") from error
