"""Reading users' files: encodings, and what is no file."""

import codecs
import os

import pytest

from od_api.core.errors import UserError
from od_api.system.files import decode_text, read_bytes, read_text

TEXT = "B\u00e4r\n\u732b\n"


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
    ],
)
def test_common_encodings_give_the_same_text(raw, tmp_path):
    (tmp_path / "names.txt").write_bytes(raw)
    assert read_text(tmp_path / "names.txt") == TEXT


def test_another_encoding_is_refused_with_place_and_cure():
    with pytest.raises(UserError) as caught:
        decode_text("cat\nB\u00e4r\n".encode("latin-1"), "names.txt")
    said = str(caught.value)
    assert said.startswith("names.txt:2:2: is not UTF-8 text: byte 0xe4 at 'B")
    assert "Save the file as UTF-8" in said


def test_half_a_utf_16_character_is_refused():
    with pytest.raises(UserError, match=r"names\.txt:1:2: is not UTF-16"):
        decode_text(codecs.BOM_UTF16_LE + b"a\0b", "names.txt")


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, reason in [
        (tmp_path, "it is a folder"),
        (tmp_path / "pipe", "it is a named pipe"),
        ("/dev/zero", "it is a device"),
        ("a\0b", r"a\\x00b: no path has such a character"),
    ]:
        with pytest.raises(UserError, match=reason):
            read_bytes(path, "label map")


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "label_map.pbtxt").touch()
    with pytest.raises(UserError, match=r"the label map .*; .* has label_map\.pbtxt"):
        read_bytes(tmp_path / "label_map.pbtx", "label map")
    with pytest.raises(UserError, match=r"the folder .*nowhere does not exist"):
        read_bytes(tmp_path / "nowhere" / "label_map.pbtxt")
