"""The command lines of README.md and docs/: all are understood, and the cheap ones run.

docs/your_own_data.md runs from its first line to its last in test_your_own_data.py.
"""

import shutil

import documented_files
import pytest
from documented_commands import documented_commands

from od_api import cli

COMMANDS = documented_commands()
# What is not run here: verbs, and lines with one of these words; and why.
VERBS_NOT_RUN = {
    "init": "test_your_own_data.py",
    "view": "it answers a browser until it is stopped: test_view_server.py",
    "cluster": "it starts processes: tests/launch",
    "study": "it trains many detectors: tests/study",
    "export": "test_export.py, test_your_own_data.py and tests/engines",
    "import-checkpoint": "test_import_checkpoint.py",
    "train": "test_train.py, and once for the other commands here",
    "doctor": "test_doctor.py",
    "client": "it needs a server: tests/inference/test_served_model.py",
    "benchmark": "it measures the machine",
}
WORDS_NOT_RUN = {
    "mine/pipeline.config": "test_your_own_data.py",
    "--tiles": "test_tiles_runs.py",
    "run_a/": "test_compare.py",
    "/shared/run": "the folder of a cluster",
    "clip.mp4": "needs the extra video",
    "--max-frames": "needs a camera",
}


def runs(command):
    if not command.is_whole or command.page == "your_own_data.md":
        return False
    verb, *words = command.words
    if verb == "eval" and "exported/" in words:  # tests of engines measure exports
        return False
    return verb not in VERBS_NOT_RUN and not WORDS_NOT_RUN.keys() & {*words}


# Where several pages have one command with other names of the same files.
_NAMES = {
    "pipeline.config": "my.config",
    "instances_val.json": "annotations.json",
    "photographs": "photos",
    "found": "detections",
}


def _named_alike(words):
    bare = (word.removesuffix("/") for word in words)
    return tuple(_NAMES.get(word, word) for word in bare)


RUN = list({_named_alike(c.words): c.words for c in COMMANDS if runs(c)}.values())


def parser_of(words):
    """(the parser of the verb that words begin with, what follows the verb)."""
    parser, words = cli._parser(), list(words)
    while words:
        verbs = next((a.choices for a in parser._actions if a.nargs == "A..."), None)
        if verbs is None or words[0].startswith("-"):
            break
        assert words[0] in verbs, f"there is no {words[0]}"
        parser = verbs[words.pop(0)]
    return parser, words


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_commands_are_understood(command):
    """Those that can be typed whole; of others the verb and each flag."""
    if command.is_whole:
        cli._parser().parse_args(list(command.words))
    parser, words = parser_of(command.words)
    before = words[: words.index("--")] if "--" in words else words
    flags = {w.strip("[]") for w in before if w.strip("[").startswith("--")}
    known = {*parser._option_string_actions, "--debug", "--version"}
    assert {flag.split("=")[0] for flag in flags} <= known


def test_all_pages_have_been_read():
    pages = {command.page for command in COMMANDS}
    assert pages >= {"README.md", "data.md", "engines.md", "evaluation.md"}
    assert len([c for c in COMMANDS if c.is_whole]) > 60 and len(RUN) > 20


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The folder of what commands speak of, with a run and an exported model."""
    folder = tmp_path_factory.mktemp("docs")
    features = documented_files.make_records(folder)
    documented_files.make_detections(folder, features)
    shutil.copytree(folder / "photos", folder / "photographs")
    (folder / "run" / "eval").mkdir(parents=True)
    assert cli.main(["train", f"{folder}/my.config", f"{folder}/run", "--no-eval"]) == 0
    shutil.copy(folder / "found.json", folder / "run" / "eval" / "detections.json")
    exported = f"{folder}/exported"
    assert cli.main(["export", f"{folder}/my.config", f"{folder}/run", exported]) == 0
    shutil.copytree(folder / "exported", folder / "run" / "export")
    for name in ("run_a", "run_b"):
        shutil.copytree(folder / "run", folder / name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("words", RUN, ids=" ".join)
def test_commands_run(words, files, tmp_path, monkeypatch):
    """Each in a folder of its own, in which is what it speaks of."""
    monkeypatch.chdir(tmp_path)
    if words[:2] == ("data", "convert"):
        documented_files.CONVERTED[words[words.index("--from") + 1]](tmp_path)
    else:
        for path in files.iterdir():
            (tmp_path / path.name).symlink_to(path)
    if words[:2] == ("data", "chips"):
        (tmp_path / "pipeline.config").unlink()
        (tmp_path / "pipeline.config").symlink_to(files / "chips.config")
    # It finds that both readers read the same images.
    expected = 2 if "--strict" in words else 0
    assert cli.main(list(words)) == expected
