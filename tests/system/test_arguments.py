"""The parser's errors name what was meant."""

import pytest

from od_api.system.arguments import Parser


def parser():
    made = Parser(prog="tool")
    commands = made.add_subparsers(dest="command", required=True)
    for name in ("train", "evaluate"):
        command = commands.add_parser(name)
        command.add_argument("--model-dir")
        command.add_argument("rest", nargs="*")
    return made


def error(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_what_is_right_is_parsed():
    given = parser().parse_args(["train", "--model-dir", "a"])
    assert (given.command, given.model_dir) == ("train", "a")
    # Behind `--` nothing is an option.
    assert parser().parse_args(["train", "--", "--modle"]).rest == ["--modle"]


def test_the_nearest_command_and_option(capsys):
    assert "did you mean train?" in error(capsys, "trian")
    said = error(capsys, "evaluate", "--modle-dir", "a")
    assert "did you mean --model-dir instead of --modle-dir?" in said
    said = error(capsys, "evaluate", "--modle-dir=a")
    assert "did you mean --model-dir instead of --modle-dir?" in said


def test_nothing_near_gets_no_hint(capsys):
    assert "did you mean" not in error(capsys, "zzz")
    assert "did you mean" not in error(capsys, "train", "--zzz")


def test_control_characters_are_not_printed(capsys):
    assert "\x1b" not in error(capsys, "a\x1b[2J")
