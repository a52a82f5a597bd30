"""JSON files: what is read, and what each fault is called."""

import codecs

import pytest

from od_api.core.errors import UserError
from od_api.system.json_files import read_json


def write(folder, content):
    path = folder / "a.json"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": "\xc3\xa4"}',
        codecs.BOM_UTF8 + b'{"a": "\xc3\xa4"}',
        codecs.BOM_UTF16_LE + '{"a": "ä"}'.encode("utf-16-le"),
    ],
)
def test_every_encoding_of_text_files(tmp_path, content):
    assert read_json(write(tmp_path, content)) == {"a": "ä"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{\n "a": 1,\n}', r"a\.json:3:1: the report is no JSON: "),
        (b"", r"a\.json:1:1: the report is no JSON.*empty or cut short"),
        (b'{"a": [1, 2', r"a\.json:1:12: the report is no JSON.*cut short"),
        (b"\x00\x01", r"a\.json:1:1: the report is no JSON"),
        (b"caf\xe9", r"a\.json:1:4: is not UTF-8"),
        (b"[" * 50_000 + b"]" * 50_000, r"a\.json: the report is nested too deeply"),
        (b"9" * 5_000, r"a\.json: the report cannot be read: .*digits"),
    ],
)
def test_what_is_no_json_is_named(tmp_path, content, words):
    with pytest.raises(UserError, match=words):
        read_json(write(tmp_path, content), "report")


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read the report .*b\.json"):
        read_json(tmp_path / "b.json", "report")
    with pytest.raises(UserError, match="it is a folder"):
        read_json(tmp_path, "report")
