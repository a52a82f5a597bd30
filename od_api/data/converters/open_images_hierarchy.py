"""Open Images' JSON file of which class is above which.

{"LabelName": "/m/0bl9f", "Subcategory": [{"LabelName": ..., "Subcategory": [...]}]}
"""

import collections
import json

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.system.files import read_text


def classes_above(path):
    """{code: set of codes of all classes above it} of the file.

    A class may be there in several places, and has what is above any of them. What is
    a "Part" of a class (a hand of a person) is none of its kind.

    Raises:
      UserError: it cannot be read, or is something else.
    """
    try:
        tree = json.loads(read_text(path, "file of the hierarchy"))
        above = collections.defaultdict(set)
        _collect(tree, (), above)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{printable(path)}: is no hierarchy of Open Images (JSON of LabelName and "
            f"Subcategory): {printable(str(error))}"
        ) from error
    return dict(above)


def _collect(node, ancestors, above):
    code = node["LabelName"]
    above[code] |= set(ancestors) - {code}
    for below in node.get("Subcategory", ()):
        _collect(below, (*ancestors, code), above)
