"""Names from files that become paths."""

import pathlib

import pytest

from od_api.core.errors import UserError
from od_api.system.path_names import inside, one_name


@pytest.mark.parametrize("name", ["a.jpg", "train/a.jpg", "a..b.jpg", "ä b.jpg"])
def test_names_below_the_folder(name):
    assert inside("images", name) == pathlib.Path("images") / name


@pytest.mark.parametrize(
    "name",
    [
        "../a.jpg",
        "train/../../a.jpg",
        "..\\a.jpg",
        "/etc/passwd",
        "\\\\server\\a.jpg",
        "C:\\a.jpg",
        "c:/a.jpg",
        "a\0.jpg",
        "a\n.jpg",
        "..",
        "",
    ],
)
def test_names_that_lead_out_are_refused(name):
    with pytest.raises(
        UserError, match=r"file_name of image 7 .*(leads out|control character)"
    ):
        inside("images", name, "file_name of image 7")


@pytest.mark.parametrize("name", ["resnet50", "a b", "ssd@2.0", "v1.2"])
def test_one_name_is_kept(name):
    assert one_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "../../../x", "a\\b", "a\0", "x" * 256]
)
def test_what_is_no_single_name_is_refused(name):
    with pytest.raises(UserError, match=r"the extractor .* choose another"):
        one_name(name, "extractor")


def test_refusals_cannot_command_a_terminal():
    with pytest.raises(UserError) as caught:
        inside("images", "/a\x1b]0;title\x07")
    assert "\x1b" not in str(caught.value)
