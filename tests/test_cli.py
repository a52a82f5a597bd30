"""The command line: exit statuses, what goes where, and how little it imports."""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import pytest
import tiny
from absl import logging

from od_api import cli
from od_api.config.loading import load_config
from od_api.core.errors import ConfigError, UserError

ROOT = pathlib.Path(__file__).parent.parent
COMMANDS = [
    [],
    ["cluster"],
    ["train"],
    ["eval"],
    ["export"],
    ["detect"],
    ["client"],
    ["config"],
    ["config", "check"],
    ["config", "show"],
    ["data"],
    ["data", "check"],
    ["data", "convert"],
    ["data", "synth"],
    ["demo"],
    ["techniques"],
]

# Of configs whose data are not there.
CHECK = ["config", "check", "--no-files"]

# Prints the exit status of each command line, then whether TensorFlow was imported.
PROBE = """
import contextlib, io, json, sys
from od_api import cli
found = []
for command in json.loads(sys.argv[1]):
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            status = cli.main(command)
    except SystemExit as end:
        status = end.code
    found.append([status, out.getvalue()])
print(json.dumps({"found": found, "heavy": sorted(
    {"tensorflow", "keras", "pycocotools", "matplotlib"} & set(sys.modules))}))
"""


def without_tensorflow(commands):
    """[[status, standard output]] of command lines that must not import TensorFlow."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(commands)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["heavy"] == []
    return result["found"]


@pytest.fixture
def config(tmp_path):
    return tiny.write_config(tmp_path, tmp_path)


def test_help_of_every_command_without_tensorflow():
    found = without_tensorflow([[*command, "-h"] for command in COMMANDS])
    for command, (status, text) in zip(COMMANDS, found, strict=True):
        assert status == 0, command
        assert text.startswith(" ".join(["usage: od-api", *command])), command


def test_config_show_without_tensorflow(tmp_path, config):
    """The base is merged in, the override applied; what is printed loads again."""
    diff = tmp_path / "diff.config"
    diff.write_text('base: "pipeline.config" train_config { batch_size: 7 }')
    show = ["config", "show", str(diff), "--set=train_config.num_steps=11"]
    ((status, text),) = without_tensorflow([show])
    assert status == 0
    (tmp_path / "shown.config").write_text(text)
    shown = load_config(tmp_path / "shown.config")
    assert shown == load_config(diff, ["train_config.num_steps=11"])
    assert not shown.HasField("base")
    assert (shown.train_config.batch_size, shown.train_config.num_steps) == (7, 11)
    assert shown.model.ssd.num_classes == 5


@pytest.fixture
def three_configs(tmp_path, config):
    """A good one with a note, one with a typo, one with a part that does not exist."""
    text = config.read_text()
    note, typo, part = (tmp_path / f"{n}.config" for n in ("note", "typo", "part"))
    note.write_text(text + "eval_config { max_evals: 1 }")
    typo.write_text(text.replace("batch_size: 4\n  num", "batchsize: 4\n  num"))
    part.write_text(text + 'eval_config { metrics_set: "coco_keypoint_metrics" }')
    return note, typo, part


def test_check_gives_one_record_for_each_file(three_configs, capsys):
    paths = [str(p) for p in three_configs]
    assert cli.main([*CHECK, *paths, "--format", "json"]) == 2
    records = json.loads(capsys.readouterr().out)
    assert [r["path"] for r in records] == paths
    assert [r["outcome"] for r in records] == ["builds", "invalid", "parses_only"]
    good, typo, part = records
    assert good["message"] == ""
    assert good["notes"][0].startswith("eval_config.max_evals has no effect: ")
    assert typo["message"].startswith(f"{paths[1]}:")
    assert "did you mean batch_size?" in typo["message"]
    assert "metrics_set[0]: coco_keypoint_metrics measures" in part["message"]


def test_check_as_text(three_configs, capsys):
    """Good ones on standard output with their notes, bad ones on standard error."""
    paths = [str(p) for p in three_configs]
    assert cli.main([*CHECK, *paths]) == 2
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == f"ok: {paths[0]}"
    assert "  eval_config.max_evals has no effect" in printed.out
    assert printed.out.count("ok: ") == 1
    errors = [e for e in printed.err.splitlines() if e.startswith("error: ")]
    assert len(errors) == 2


def test_check_of_good_ones_succeeds(config, capsys):
    assert cli.main([*CHECK, str(config), "--format=json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["outcome"], record["notes"]) == ("builds", [])


def test_check_goes_on_after_a_file_that_is_not_there(tmp_path, config, capsys):
    paths = [str(tmp_path / "absent.config"), str(config)]
    assert cli.main([*CHECK, *paths, "--format=json"]) == 2
    records = json.loads(capsys.readouterr().out)
    assert [r["outcome"] for r in records] == ["invalid", "builds"]


def command_line(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "od_api.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def test_debug_shows_the_traceback_and_nothing_else_does(tmp_path):
    show = ["config", "show", tmp_path / "absent.config"]
    plain, debug = command_line(*show), command_line("--debug", *show)
    assert plain.returncode == 2 and plain.stdout == ""
    assert plain.stderr.startswith("error: ") and plain.stderr.count("\n") == 1
    assert debug.returncode != 0
    assert "Traceback" in debug.stderr and "ConfigError" in debug.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["trian"], "did you mean train?"),
        (["config", "chek", "a"], "did you mean check?"),
        (["train", "a", "b", "--num-stesp=1"], "did you mean --num-steps instead of"),
        (["detect", "m", "i", "--otuput=x"], "did you mean --output instead of"),
        (["config", "check"], "configs"),
        (["config", "check", "a", "--format", "xml"], "xml"),
        (["train", "a.config"], "model_dir"),
        (["train", "a.config", "b", "--num-steps", "many"], "many"),
    ],
)
def test_wrong_command_lines_exit_with_2(arguments, says, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert says in capsys.readouterr().err


def test_bad_override(config, capsys):
    assert cli.main(["config", "show", str(config), "--set", "nonsense"]) == 2
    assert "path.to.field=value" in capsys.readouterr().err


def test_an_error_in_what_an_override_set_is_placed_there(config, capsys):
    override = "train_config.num_steps=0"

    def refuse():
        raise ConfigError("is 0", "train_config.num_steps")

    assert cli.run(refuse, str(config), overrides=[override]) == 2
    assert f"error: --set {override}: " in capsys.readouterr().err


def test_interrupt_exits_with_130(capsys):
    def interrupted():
        raise KeyboardInterrupt

    assert cli.run(interrupted) == 130
    assert capsys.readouterr().err == "interrupted\n"


def raising(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            ZeroDivisionError("a\nb"),
            "error: ZeroDivisionError: a: this is a bug; --debug shows more\n",
        ),
        (
            RecursionError(),
            "error: RecursionError: no message: this is a bug; --debug shows more\n",
        ),
        (
            MemoryError("9 GiB"),
            "error: the memory is full (9 GiB): use a smaller batch, smaller images or "
            "fewer boxes\n",
        ),
    ],
)
def test_a_defect_of_ours_is_one_line_and_status_1(error, line, capsys):
    assert cli.run(raising(error)) == 1
    assert capsys.readouterr().err == line
    with pytest.raises(type(error)):
        cli.run(raising(error), debug=True)


def test_errors_of_the_system_name_the_path(capsys):
    assert cli.run(raising(PermissionError(13, "Permission denied", "a/b"))) == 2
    assert "Permission denied: 'a/b'" in capsys.readouterr().err


def test_messages_cannot_command_a_terminal(capsys):
    assert cli.run(raising(UserError("class \x1b]0;title\x07\nline 2"))) == 2
    assert capsys.readouterr().err == "error: class \\x1b]0;title\\x07\nline 2\n"


def test_log_lines_cannot_command_a_terminal(caplog):
    def action():
        logging.info("class %s", "\x1b]0;title\x07")

    with caplog.at_level("INFO", logger="absl"):
        assert cli.run(action) == 0
    assert caplog.messages == ["class \\x1b]0;title\\x07"]


def test_nobody_reads_what_is_printed():
    """As `od-api study cells GRID | head -1`, with a reader that ends at once."""
    cells = [sys.executable, "-m", "od_api.cli", "study", "cells"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*cells, "configs/study/huang_2017.grid"],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("od-api 0.")


def test_debug_may_stand_anywhere_but_in_another_command(tmp_path):
    absent = str(tmp_path / "absent.config")
    with pytest.raises(UserError):
        cli.main(["config", "show", absent, "--debug"])
    assert cli.main(["config", "show", absent]) == 2


# TensorFlow's own first words, in a process that has not imported it yet.
BANNER = """
import sys
from od_api import cli
def action():
    import tensorflow as tf
    tf.train.Checkpoint(step=tf.Variable(1)).save(sys.argv[1])
    import os
    os.write(2, b"E0000 an error of TensorFlow\\n")
sys.exit(cli.run(action))
"""


def test_tensorflow_prints_no_banner(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", BANNER, tmp_path / "ckpt"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert done.stderr == "E0000 an error of TensorFlow\n"
    assert (done.returncode, done.stdout) == (0, "")


def test_model_main_takes_the_old_flags():
    """All 13 of model_main_tf2.py; a config that is not there is the only complaint."""
    old = [
        "--pipeline_config_path=absent.config",
        "--num_train_steps=1",
        "--eval_on_train_data=false",
        "--sample_1_of_n_eval_examples=1",
        "--sample_1_of_n_eval_on_train_examples=5",
        "--model_dir=unused",
        "--checkpoint_dir=unused",
        "--eval_timeout=3600",
        "--use_tpu=false",
        "--tpu_name=none",
        "--num_workers=1",
        "--checkpoint_every_n=1000",
        "--record_summaries=true",
    ]
    done = subprocess.run(
        [sys.executable, "model_main.py", *old],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: cannot read the config")


def test_it_runs_from_its_sources_without_being_installed(monkeypatch, capsys):
    def missing(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("od-api, not installed (Python 3.")
