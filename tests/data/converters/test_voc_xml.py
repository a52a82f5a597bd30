"""VOC XML of many tools: encodings, other kinds of file, parts, numbers, flags."""

import pytest

from od_api.core.errors import UserError
from od_api.data.converters import voc_xml

_TEXT = "<annotation><object><name>{}</name></object></annotation>"


@pytest.fixture
def parse(tmp_path):
    def run(content):
        if isinstance(content, str):
            content = content.encode()
        (tmp_path / "a.xml").write_bytes(content)
        return voc_xml.parse(tmp_path / "a.xml")

    return run


def _names(root):
    return [item.findtext("name") for item in voc_xml.objects(root)]


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ("gb2312", "gbk"),
        ("GBK", "gbk"),
        ("GB18030", "gb18030"),
        ("big5", "big5"),
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-8"),  # .NET writes that
        ("UTF-16LE", "utf-16-le"),
        ("utf-16", "utf-16-be"),
        ("gb2312", "utf-8-sig"),  # the mark is surer than the words
    ],
)
def test_encodings(parse, declared, written):
    text = f'<?xml version="1.0" encoding="{declared}"?>\n{_TEXT.format("貓")}'
    assert _names(parse(text.encode(written))) == ["貓"]


def test_latin_1(parse):
    text = "<?xml version='1.0' encoding='ISO-8859-1'?>" + _TEXT.format("Bär")
    assert _names(parse(text.encode("latin-1"))) == ["Bär"]


@pytest.mark.parametrize("encoding", ["no-such", "rot13", "hex", "ascii", "big5"])
def test_encodings_that_do_not_fit_are_named(parse, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?>{_TEXT.format("é")}'
    with pytest.raises(UserError, match=rf"a\.xml: declares the encoding '{encoding}'"):
        parse(text.encode("latin-1"))


def test_undeclared_latin_1_is_named(parse):
    with pytest.raises(UserError, match=r"a\.xml:1:\d+: is not UTF-8"):
        parse(_TEXT.format("é").encode("latin-1"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"a\.xml:1:1: is not XML"),
        ("\0", "is not XML"),
        ("<annotation>", "is not XML"),
        ("{}", "is not XML"),
        ("<html></html>", "outermost tag is <html>"),
        ("<annotations><image/></annotations>", "outermost tag is <annotations>"),
        (
            '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation/>',
            "declares entities",
        ),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "/etc/x">]><annotation/>', "entities"),
    ],
)
def test_other_files_are_named(parse, content, message):
    with pytest.raises(UserError, match=message):
        parse(content)


def test_deep_nesting(parse):
    assert (
        voc_xml.objects(
            parse("<annotation>" + "<a>" * 99999 + "</a>" * 99999 + "</annotation>")
        )
        == []
    )


def test_namespaces_and_lists_of_objects(parse):
    text = '<annotation xmlns="x:y"><objects><object><name>a</name></object></objects>'
    assert _names(parse(text + "<!-- b --></annotation>")) == ["a"]


def test_parts_are_no_objects(parse):
    root = parse(
        "<annotation><object><part><name>hand</name><bndbox><xmin>1</xmin></bndbox>"
        "<object><name>x</name></object></part><name>person</name>"
        "<bndbox><xmin>5</xmin></bndbox></object></annotation>"
    )
    (item,) = voc_xml.objects(root)
    assert voc_xml.text(item, "name", "") == "person"
    assert voc_xml.coordinate(item, "bndbox/xmin", "") == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("", None), ("0", None), ("-1", None), ("-1.5", None), (" ", None)),
        *(("500", 500), ("500.0", 500), (" 7\n", 7)),
    ],
)
def test_lengths(parse, text, expected):
    root = parse(f"<annotation><size><width>{text}</width></size></annotation>")
    assert voc_xml.length(root, "size/width", "a") == expected
    assert voc_xml.length(root, "size/height", "a") is None


@pytest.mark.parametrize("text", ["x", "nan", "1e400", "²", "9" * 5000])
def test_what_is_no_number_is_named(parse, text):
    root = parse(f"<annotation><size><width>{text}</width></size></annotation>")
    for read in (voc_xml.length, voc_xml.coordinate):
        with pytest.raises(UserError, match=r"a: <size/width>: '.*number"):
            read(root, "size/width", "a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("1", True), ("true", True), ("True", True), ("1.0", True), ("yes", True)),
        *(("0", False), ("", False), ("Unspecified", False), ("FALSE", False)),
    ],
)
def test_flags(parse, text, expected):
    root = parse(f"<annotation><difficult>{text}</difficult></annotation>")
    assert voc_xml.flag(root, "difficult", "a") is expected
    assert voc_xml.flag(root, "truncated", "a") is False


@pytest.mark.parametrize("text", ["2", "-1", "maybe"])
def test_flags_that_say_nothing_are_named(parse, text):
    root = parse(f"<annotation><difficult>{text}</difficult></annotation>")
    with pytest.raises(UserError, match=f"a: <difficult> is '{text}'"):
        voc_xml.flag(root, "difficult", "a")
