"""Class names as YAML and text files give them, and files that are neither."""

import pytest

from od_api.core.errors import UserError
from od_api.data.converters.yolo_names import load_names


@pytest.fixture
def load(tmp_path):
    def run(content, name="data.yaml"):
        if isinstance(content, str):
            content = content.encode()
        (tmp_path / name).write_bytes(content)
        return load_names(tmp_path / name)

    return run


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names:\n- \"\\u732B\"\n- 'driver''s licence'", ["猫", "driver's licence"]),
        ("names: ['item #1', \"a: b\"] # two", ["item #1", "a: b"]),
        (
            "names: [no, 1, 0x1F, 1.50, 2020]",
            ["no", "1", "0x1F", "1.50", "2020"],
        ),
        ("names: {1: dog, 0: cat}", ["cat", "dog"]),
        ("names: &n [cat, 'null']\nmore: *n", ["cat", "null"]),
        ('{"nc": 1, "names": ["cat"]}', ["cat"]),
        ("\ufeffnames: [cat]", ["cat"]),
    ],
)
def test_yaml(load, text, names):
    assert load(text).names == names
    assert load(text.removeprefix("\ufeff").encode("utf-16")).names == names
    assert load(text, "DATA.YML").names == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nc: 3\nnames: [cat, dog]",
            r"data\.yaml:1:5: nc is '3', but there are 2",
        ),
        ("names: [cat, null]", r"data\.yaml:1:14: a class has no name \(null\)"),
        ("names:\n- cat\n-\n", r"a class has no name"),
        ("names: [cat, ' ']", r"data\.yaml:1: a class has an empty name"),
        ("names:\n- cat\n- cat", r"data\.yaml:3: 'cat' is there twice \(line 2\)"),
        ("names: [cat, [dog]]", r"data\.yaml:1:14: a class name must be text"),
        ("names: cat.names", "names must be a list"),
        ("names: {0: a, 0: b}", r"data\.yaml:1:15: .*each once, not '0'"),
        ("names: {0: a, 2: b}", "must count 0, 1, 2, ...; 1 is missing"),
        ("names: {a: 0}", "not 'a'"),
        ("names: {²: a}", "not '²'"),
        ("names: [a]\nnames: [b]", r"data\.yaml:2:1: 'names' is there twice"),
        ("names: [a\nb: c", r"data\.yaml:2:2: is not YAML"),
        ("names: &a [*a]", "a class name must be text"),
        ("[" * 1500, "is nested too deeply"),
        ("cat\ndog\n", "has no 'names:'"),
        ("", "has no 'names:'"),
        ("kpt_shape: [2]\nnames: [a]", r"data\.yaml:1:12: kpt_shape must be \[number"),
        ("kpt_shape: [x, 3]\nnames: [a]", "kpt_shape must be"),
        ("names: !!python/object/apply:os.system [x]", "a tag of another program"),
        ("names: [!!python/name:os.system '']", "a tag of another program"),
        ("names: [!cat x]", "'!cat' is a tag of another program"),
        ("kpt_shape: 17\nnames: [a]", "kpt_shape must be"),
    ],
)
def test_yaml_that_gives_no_names(load, text, message):
    with pytest.raises(UserError, match=message):
        load(text)


def test_shape_of_keypoints(load):
    assert load("names: [a]\nkpt_shape: [17, 3]").keypoints == (17, 3)
    for text in ("", "kpt_shape:", "kpt_shape: null", "kpt_shape: []"):
        assert load(f"names: [a]\n{text}").keypoints is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_one_name_a_line(load, encoding):
    text = "cat\r\n\r\n  dog's bed \r\n#1\r\n"
    assert load(text.encode(encoding), "x.names").names == ["cat", "dog's bed", "#1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Bär".encode("latin-1"), r"classes\.txt:1:2: is not UTF-8"),
        ("<?xml version='1.0'?>\n<annotation/>", "is XML"),
        ("<annotation>\n", "is XML"),
        ("<a><b/></a>", "is XML"),
        ('{"categories": []}', "is JSON"),
        ("[\n  {", "is JSON"),
        ("classes = 2\ntrain = a.txt\nnames = b.names", r"is a \.data file of Darknet"),
        ("# data\nnames: [cat]", r"is YAML: give it the ending \.yaml"),
        ("item {\n  id: 1", "is a label map, which --label-map takes"),
        ("0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n", "is a label file"),
        ("cat\0dog", "is no text"),
        (b"\x89PNG\r\n\x1a\n", "is not UTF-8 text"),
        ("\n \n", "has no class names"),
        ("cat\ndog\ncat\n", r"classes\.txt:3: 'cat' is there twice"),
    ],
)
def test_files_of_another_kind_are_refused(load, content, message):
    with pytest.raises(UserError, match=message):
        load(content, "classes.txt")
