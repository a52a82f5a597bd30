"""Reading one XML file of Pascal VOC's kind: encodings, numbers, flags and objects."""

import codecs
import re
from xml.etree import ElementTree

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.numerals import LARGEST_SIDE, number, shown
from od_api.system.files import decode_text, read_bytes

_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([^"'>]*)["']""")
# Entities are for text that repeats itself, up to filling the memory.
_ENTITY = re.compile(r"<!ENTITY", re.IGNORECASE)
# Chinese tools declare the smaller set and write the larger one.
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030"}
_YES, _NO = {"1", "true", "yes"}, {"", "0", "false", "no", "unspecified", "unknown"}


def parse(path):
    """The root element of a file, its tags without namespaces.

    Raises:
      UserError: it cannot be read, is no XML, or no annotation of one image.
    """
    text = _text_of(path)
    name = printable(path)
    if _ENTITY.search(text):
        raise UserError(f"{name}: declares entities, which annotations do not need")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise UserError(f"{name}:{line}:{column + 1}: is not XML: {error}") from error
    except ValueError as error:
        raise UserError(f"{name}: is not XML: {error}") from error
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    if root.tag.lower() != "annotation":
        raise UserError(
            f"{name}: its outermost tag is <{printable(root.tag)}>, where Pascal VOC "
            "has <annotation>: it is another kind of file"
        )
    return root


def objects(root):
    """Its <object> elements; parts within an object are none."""
    found, waiting = [], [root]
    while waiting:
        element = waiting.pop()
        if element.tag == "object":
            found.append(element)
        else:
            waiting += reversed(element)
    return found


def text(element, tag, where):
    """What a tag within an element says.

    Raises:
      UserError: it is missing or empty.
    """
    found = (element.findtext(tag) or "").strip()
    if not found:
        raise UserError(f"{where}: <{tag}> is missing or empty in <{element.tag}>")
    return found


def coordinate(element, tag, where):
    """The number that a tag within an element says.

    Raises:
      UserError: it is missing or no finite number.
    """
    found = text(element, tag, where)
    try:
        return number(found)
    except ValueError as error:
        raise UserError(f"{where}: <{tag}>: {error}") from error


def length(root, tag, where):
    """A width or height in pixels; None where the file says none, 0 or less.

    Raises:
      UserError: it is no number.
    """
    if not (root.findtext(tag) or "").strip():
        return None
    pixels = coordinate(root, tag, where)
    if pixels > LARGEST_SIDE:
        raise UserError(f"{where}: <{tag}> is too large a number of pixels")
    return int(pixels) if pixels > 0 else None


def flag(element, tag, where):
    """Whether a tag such as <difficult> says yes.

    Raises:
      UserError: it says neither yes nor no.
    """
    found = (element.findtext(tag) or "").strip()
    if found.lower() in _YES | _NO:
        return found.lower() in _YES
    try:
        value = number(found)
    except ValueError:
        value = None
    if value not in (0, 1):
        raise UserError(f"{where}: <{tag}> is {shown(found)}, neither 0 nor 1")
    return value == 1


def _text_of(path):
    raw = read_bytes(path, "annotation")
    for mark, encoding in ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if raw.startswith(mark):
            return _decoded(raw, encoding, path)
    match = _DECLARED.search(raw[:500])
    if match is None or raw.startswith(codecs.BOM_UTF8):
        return decode_text(raw, path)
    encoding = match[1].decode("latin-1")
    # Some tools declare UTF-16 and write UTF-8: this line could not be read otherwise.
    if re.match(r"(?i)utf|ucs", encoding):
        return decode_text(raw, path)
    return _decoded(raw, encoding, path)


def _decoded(raw, encoding, path):
    """The text of bytes in an encoding that the file declares."""
    try:
        name = codecs.lookup(encoding).name
        return raw.decode(_LARGER.get(name, name))
    except (LookupError, ValueError) as error:
        raise UserError(
            f"{printable(path)}: declares the encoding {printable(encoding)!r}, by "
            f"which it cannot be read ({printable(error)}): save it as UTF-8 (`iconv "
            "-f ENCODING -t UTF-8` converts it; mend its first line as well)"
        ) from error
