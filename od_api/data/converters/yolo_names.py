"""Class names of a YOLO data set: data.yaml, or a text file with one name a line."""

import re
from pathlib import Path
from typing import NamedTuple

import yaml

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.numerals import shown
from od_api.system.files import read_text

_FORMS = "names must be a list, or a mapping from 0, 1, 2, ... to names"
# What is found where a list of names was meant, by what its text looks like.
_OTHER_KINDS = (
    (r"\A\s*<(\?xml|!|annotation|html|[^<>\n]*>\s*<)", "XML"),
    (r"\A\s*item\s*\{", "a label map, which --label-map takes"),
    (r"\A\s*(\{|\[\s*[\"\[{\d\]])", "JSON"),
    (r"^\s*(train|valid|names|backup)\s*=", "a .data file of Darknet"),
    (r"^names\s*:", "YAML: give it the ending .yaml"),
    (r"\A\s*\d+(\s+[-+]?[\d.]+){4,}\s*$", "a label file"),
    (r"\0", "no text"),
)
_LOOKED_AT = 2000


class Names(NamedTuple):
    """Class names, and how many numbers follow the box of a line with keypoints.

    Attributes:
      names: list, by class index.
      keypoints: (how many, 2 or 3 numbers each); None where the file does not say.
    """

    names: list
    keypoints: tuple | None = None


class PartPath(NamedTuple):
    """Where the images of a part are, as a data.yaml says.

    Attributes:
      path: of a folder or of a list of images, as it is written.
      above: the folder that `path` is relative to, itself relative to the file's.
    """

    path: str
    above: str = ""


def load_parts(path):
    """{"train", "val" or "test": [PartPath]} of a data.yaml, of those that it has.

    Raises:
      UserError: there is no file, or a path is no text.
    """
    path = Path(path)
    fields = _top_fields(read_text(path, "file of class names"), path)
    above = _paths(fields.get("path"), path)
    keys = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}
    found = {}
    for part, names in keys.items():
        node = next((fields[name] for name in names if name in fields), None)
        paths = [PartPath(p, above[0] if above else "") for p in _paths(node, path)]
        if paths:
            found[part] = paths
    return found


def _paths(node, path):
    """[text] of a path, of a list of them, or of nothing."""
    if node is None or node.value in ("", "null", "~", []):
        return []
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for item in nodes:
        if not isinstance(item, yaml.ScalarNode):
            raise UserError(f"{_place(path, item)}: a path must be text")
    return [item.value.strip().replace("\\", "/") for item in nodes]


def load_names(path):
    """The `Names` of a file: YAML if it ends so, or else one name a line.

    Raises:
      UserError: there is no file, it is of another kind, or it has no names.
    """
    path = Path(path)
    text = read_text(path, "file of class names")
    if path.suffix.lower() in (".yaml", ".yml"):
        return _from_yaml(text, path)
    for pattern, kind in _OTHER_KINDS:
        if re.search(pattern, text[:_LOOKED_AT], re.IGNORECASE | re.MULTILINE):
            raise UserError(
                f"{printable(path)}: is {kind}; class names are read from data.yaml, "
                "or from a text file with one name a line"
            )
    lines = (line.strip() for line in text.splitlines())
    return Names(_checked([(name, n) for n, name in enumerate(lines, 1) if name], path))


def _from_yaml(text, path):
    fields = _top_fields(text, path)
    if "names" not in fields:
        raise UserError(f"{printable(path)}: has no 'names:' with the class names")
    node = fields["names"]
    place = _place(path, node)
    _check_tag(node, path)
    if isinstance(node, yaml.SequenceNode):
        items = [(_scalar(n, path), n.start_mark.line + 1) for n in node.value]
    elif isinstance(node, yaml.MappingNode):
        items = _by_index(node, path)
    else:
        raise UserError(f"{place}: {_FORMS}, not {shown(node.value)}")
    names = _checked(items, path)
    count = fields.get("nc")
    if count is not None and count.value != str(len(names)):
        raise UserError(
            f"{_place(path, count)}: nc is {shown(count.value)}, but there are "
            f"{len(names)} names: a class is missing, or one too many"
        )
    return Names(names, _keypoints(fields.get("kpt_shape"), path))


def _top_fields(text, path):
    """{key: yaml node} of a mapping; scalars keep the text that was written."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{printable(path)}:{mark.line + 1}:{mark.column + 1}" if mark else path
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{place}: is not YAML: {printable(reason)}") from error
    except RecursionError as error:
        raise UserError(f"{printable(path)}: is nested too deeply") from error
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{printable(path)}: has no 'names:' with the class names")
    fields = {}
    for key, value in root.value:
        if key.value == "names" and "names" in fields:
            raise UserError(f"{_place(path, key)}: 'names' is there twice")
        if isinstance(key, yaml.ScalarNode):
            fields[key.value] = value
    return fields


def _by_index(node, path):
    """[(name, line), ...] of a mapping from class indices, in any order."""
    items = {}
    for key, value in node.value:
        written = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not re.fullmatch("0|[1-9][0-9]{0,8}", written) or int(written) in items:
            raise UserError(
                f"{_place(path, key)}: {_FORMS}, each once, not {shown(key.value)}"
            )
        items[int(written)] = (_scalar(value, path), value.start_mark.line + 1)
    if sorted(items) != list(range(len(items))):
        missing = next(i for i in range(len(items)) if i not in items)
        raise UserError(
            f"{_place(path, node)}: names must count 0, 1, 2, ...; {missing} is missing"
        )
    return [items[index] for index in sorted(items)]


def _scalar(node, path):
    """A name as it is written: numbers, `no` and dates stay text."""
    if not isinstance(node, yaml.ScalarNode):
        raise UserError(f"{_place(path, node)}: a class name must be text")
    _check_tag(node, path)
    if node.tag == "tag:yaml.org,2002:null":
        raise UserError(
            f"{_place(path, node)}: a class has no name ({node.value or 'nothing'}); "
            "write a name, in quotes if it is meant so"
        )
    return node.value.strip()


def _check_tag(node, path):
    """Refuses `!!python/...` and other tags that mean more than what is written."""
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if ":" in kind or "/" in kind or kind.startswith("!"):
        raise UserError(
            f"{_place(path, node)}: {shown(node.tag)} is a tag of another program; "
            f"{_FORMS}"
        )


def _keypoints(node, path):
    """(count, numbers each) of `kpt_shape: [17, 3]`."""
    if node is None or node.value in ("", "null", "~", []):
        return None
    numbers = [getattr(n, "value", "") for n in node.value]
    good = isinstance(node, yaml.SequenceNode) and len(numbers) == 2
    if not (good and re.fullmatch("[1-9][0-9]{0,3}", str(numbers[0]))) or (
        numbers[1] not in ("2", "3")
    ):
        raise UserError(
            f"{_place(path, node)}: kpt_shape must be [number of keypoints, 2 or 3]"
        )
    return int(numbers[0]), int(numbers[1])


def _checked(items, path):
    """The names of [(name, line), ...], each there and each once."""
    if not items:
        raise UserError(f"{printable(path)}: has no class names")
    lines = {}
    for name, line in items:
        if not name:
            raise UserError(f"{printable(path)}:{line}: a class has an empty name")
        if name in lines:
            raise UserError(
                f"{printable(path)}:{line}: {printable(name)!r} is there twice (line "
                f"{lines[name]}): each class needs a name of its own"
            )
        lines[name] = line
    return list(lines)


def _place(path, node):
    mark = node.start_mark
    return f"{printable(path)}:{mark.line + 1}:{mark.column + 1}"
