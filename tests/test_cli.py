"""The command line: exit statuses, what goes where, and how little it imports."""

import json
import pathlib
import subprocess
import sys

import pytest
import tiny

from od_api import cli
from od_api.core.config import load_config

ROOT = pathlib.Path(__file__).parent.parent
COMMANDS = [
    [],
    ["cluster"],
    ["train"],
    ["eval"],
    ["export"],
    ["detect"],
    ["config"],
    ["config", "check"],
    ["config", "show"],
    ["data"],
    ["data", "check"],
    ["data", "convert"],
    ["data", "synth"],
    ["demo"],
]

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
    part.write_text(text.replace('"ssd_mobilenet_v1"', '"ssd_pnasnet"'))
    return note, typo, part


def test_check_gives_one_record_for_each_file(three_configs, capsys):
    paths = [str(p) for p in three_configs]
    assert cli.main(["config", "check", *paths, "--format", "json"]) == 2
    records = json.loads(capsys.readouterr().out)
    assert [r["path"] for r in records] == paths
    assert [r["outcome"] for r in records] == ["ok", "error", "error"]
    good, typo, part = records
    assert good["message"] == ""
    assert good["notes"][0].startswith("eval_config.max_evals has no effect: ")
    assert typo["message"].startswith(f"{paths[1]}:")
    assert "did you mean batch_size?" in typo["message"]
    assert "feature_extractor.type: 'ssd_pnasnet'" in part["message"]


def test_check_as_text(three_configs, capsys):
    """Good ones on standard output with their notes, bad ones on standard error."""
    paths = [str(p) for p in three_configs]
    assert cli.main(["config", "check", *paths]) == 2
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == f"ok: {paths[0]}"
    assert "  eval_config.max_evals has no effect" in printed.out
    assert printed.out.count("ok: ") == 1
    errors = [e for e in printed.err.splitlines() if e.startswith("error: ")]
    assert len(errors) == 2


def test_check_of_good_ones_succeeds(config, capsys):
    assert cli.main(["config", "check", str(config), "--format=json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["outcome"], record["notes"]) == ("ok", [])


def test_check_goes_on_after_a_file_that_is_not_there(tmp_path, config, capsys):
    paths = [str(tmp_path / "absent.config"), str(config)]
    assert cli.main(["config", "check", *paths, "--format=json"]) == 2
    records = json.loads(capsys.readouterr().out)
    assert [r["outcome"] for r in records] == ["error", "ok"]


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
        (["trian"], "invalid choice: 'trian'"),
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


def test_interrupt_exits_with_130(capsys):
    def interrupted():
        raise KeyboardInterrupt

    assert cli.run(interrupted) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_defect_of_ours_keeps_its_traceback():
    def defect():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run(defect)


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
