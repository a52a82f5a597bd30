"""`od-api cluster`: real processes, killed and stopped; none of them trains."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from launcher_kit import is_alive, until


def test_roles_prefixes_table_and_exit_status(launch, tmp_path):
    """Each role gets its TF_CONFIG and its prefix; the end is the chief's."""
    report = (
        '{"step": 120, "last_step": 1000, "images_per_second": 8.06,'
        ' "staleness": {"mean": 1.9, "p95": 3.0}, "workers": ['
        ' {"steps": 61, "images_per_second": 4.5, "state": "training"},'
        ' {"steps": 59, "images_per_second": 3.5, "state": "silent"}]}'
    )
    (tmp_path / "status.json").write_text(report)
    run = launch("--workers", "2", "--ps", "1", "--table-seconds", "0.2")
    for role, name in [
        ("chief 0", "chief"),
        ("worker 0", "worker 0"),
        ("worker 1", "worker 1"),
        ("ps 0", "ps 0"),
        ("evaluator 0", "evaluator"),
    ]:
        run.logged(rf"^\[{name}\] I am {role} of ")
        run.logged(rf"^\[{name}\] to standard error$")
    # The launcher leaves the threads of its environment as they are.
    assert "[worker 1] threads 3\n" in run.log()
    run.logged(r"^\[cluster\] chief +127\.0\.0\.1:\d+ +\d+ +running +120/1000 +8\.1$")
    run.logged(r"^\[cluster\] worker 0 +127\.0\.0\.1:\d+ +\d+ +training +61 +4\.5$")
    run.logged(r"^\[cluster\] worker 1 +127\.0\.0\.1:\d+ +\d+ +silent +59 +3\.5$")
    run.logged(r"^\[cluster\] gradient staleness: mean 1\.9, 95th percentile 3\.0$")
    run.end("evaluator0", 0)
    run.logged(r"^\[cluster\] evaluator is done$")
    run.end("chief0", 3)
    assert run.status() == 3
    assert re.search(r"^\[cluster\] chief .* ended with status 3", run.log(), re.M)


def test_killed_worker_and_evaluator_start_again_at_their_addresses(launch):
    run = launch("--workers", "2", "--ps", "1")
    (first,) = run.pids("worker1")
    (evaluator,) = run.pids("evaluator0")
    os.kill(first, signal.SIGKILL)
    os.kill(evaluator, signal.SIGKILL)
    run.pids("worker1", 2)
    run.pids("evaluator0", 2)
    run.logged(
        r"^\[cluster\] worker 1 was killed by SIGKILL; starting it again in 2 s$"
    )
    run.logged(r"^\[cluster\] started worker 1 again \(pid \d+\)$")
    configs = re.findall(r"^\[worker 1\] I am worker 1 of (.*)$", run.log(), re.M)
    assert len(configs) == 2
    assert configs[0] == configs[1]
    assert len(run.pids("worker0")) == len(run.pids("chief0")) == 1
    run.end("evaluator0", 0)
    run.end("chief0", 0)
    assert run.status() == 0


def test_no_evaluator_for_a_command_that_does_not_evaluate(tmp_path):
    """Unless it is asked for."""
    for options, roles in [([], 3), (["--evaluator"], 4)]:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "od_api.cli", "cluster", *options),
                *("--workers=1", "--ps=1", "--evaluator-grace=0"),
                *("--", "sh", "-c", "exit 0", "train", "--no-eval"),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        started = re.findall(
            r"^\[cluster\] started (\w+)(?!.*again)", done.stdout, re.M
        )
        assert len(started) == roles
        assert ("evaluator" in started) == bool(options)
        says = "[cluster] no evaluator: the command has --no-eval\n"
        assert (says in done.stdout) == (not options)
        assert done.returncode == 0


def test_chief_is_restarted_when_killed_not_when_it_fails(launch):
    run = launch("--workers=1", "--ps=1", "--no-evaluator", "--chief-restarts=1")
    os.kill(run.pids("chief0")[0], signal.SIGKILL)
    second = run.pids("chief0", 2)[1]
    assert len(run.pids("worker0")) == len(run.pids("ps0")) == 1
    os.kill(second, signal.SIGKILL)
    assert run.status() == 128 + signal.SIGKILL
    assert len(run.pids("chief0")) == 2
    assert "chief was killed by SIGKILL, restarts left: 0;" in run.log()


def test_dead_parameter_server_is_left_and_the_chief_ends_all(launch):
    run = launch("--workers=1", "--ps=2", "--no-evaluator")
    run.pids("chief0")
    os.kill(run.pids("ps1")[0], signal.SIGKILL)
    run.logged(r"^\[cluster\] ps 1 was killed by SIGKILL: its variables are lost")
    assert is_alive(run.pids("chief0")[0])
    run.end("chief0", 2)
    assert run.status() == 2
    assert len(run.pids("ps1")) == 1


def test_evaluator_may_finish_after_the_chief(launch):
    run = launch("--workers=1", "--ps=1")
    run.pids("evaluator0")
    run.pids("chief0")
    run.end("chief0", 0)
    run.logged(r"^\[cluster\] waiting at most 600 s for the evaluator to finish$")
    time.sleep(0.5)
    assert is_alive(run.pids("evaluator0")[0])
    assert is_alive(run.pids("worker0")[0])
    run.end("evaluator0", 0)
    assert run.status() == 0


def test_evaluator_is_not_waited_for_for_ever(launch):
    run = launch("--workers=1", "--ps=1", "--evaluator-grace=0.5")
    run.pids("evaluator0")
    run.pids("chief0")
    run.end("chief0", 0)
    assert run.status() == 0
    assert "[cluster] evaluator has not finished within 0.5 s\n" in run.log()


def test_in_step_all_are_started_again_together(launch):
    """Without ps, three training processes are the chief and two workers."""
    run = launch("--workers=3", "--ps=0", "--chief-restarts=1")
    run.pids("chief0")
    run.pids("worker0")
    os.kill(run.pids("worker1")[0], signal.SIGKILL)
    for role in ("chief0", "worker0", "worker1"):
        assert not is_alive(run.pids(role, 2)[0])
    os.kill(run.pids("worker0", 2)[1], signal.SIGKILL)
    assert run.status() == 128 + signal.SIGKILL
    names = {path.stem for path in run.folder.glob("*.starts")}
    assert names == {"chief0", "worker0", "worker1"}


def test_in_step_bad_input_is_the_end(launch):
    run = launch("--workers=2", "--ps=0")
    run.pids("worker0")
    run.pids("chief0")
    run.end("worker0", 2)
    assert run.status() == 2
    assert len(run.pids("chief0")) == 1


def test_in_step_done(launch):
    run = launch("--workers=2", "--ps=0")
    run.pids("worker0")
    run.pids("chief0")
    run.end("chief0", 0)
    run.logged(r"^\[cluster\] chief ended with status 0$")
    run.end("worker0", 0)
    assert run.status() == 0


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_interrupt_leaves_nothing_behind(launch, tmp_path, number, status):
    """Children of the train command are ended, too, though they are not the roles."""
    (tmp_path / "worker0.child").touch()
    run = launch("--workers=2", "--ps=1")
    for role in ("chief0", "worker0", "worker1", "ps0", "evaluator0"):
        run.pids(role)
    child = int((tmp_path / "worker0.child").read_text())
    assert is_alive(child)
    run.process.send_signal(number)
    assert run.status() == status
    assert not is_alive(child)


def test_second_interrupt_kills_the_stubborn(launch, tmp_path):
    (tmp_path / "ps0.stubborn").touch()
    run = launch("--workers=1", "--ps=1", "--no-evaluator")
    for role in ("chief0", "worker0", "ps0"):
        run.pids(role)
    started = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    run.logged(r"^\[cluster\] SIGINT: stopping all$")
    time.sleep(0.5)
    assert is_alive(run.pids("ps0")[0])
    run.process.send_signal(signal.SIGINT)
    assert run.status() == 130
    assert time.monotonic() - started < 9.0
    assert "[cluster] killed, since they did not end: ps 0\n" in run.log()


def test_killed_launcher_leaves_nothing_behind(launch, tmp_path):
    """Its folder goes with the next run; that of a run beside it stays."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "worker0.child").touch()
    (tmp_path / "ps0.stubborn").touch()
    run = launch("--workers=1", "--ps=1", TMPDIR=str(temporary))
    for role in ("chief0", "worker0", "ps0", "evaluator0"):
        run.pids(role)
    child = int((tmp_path / "worker0.child").read_text())
    run.process.kill()
    run.process.wait()
    pids = [*run.all_pids(), child]
    until(lambda: not any(is_alive(pid) for pid in pids), "all processes to end")
    (dead,) = temporary.iterdir()
    second = launch("--workers=1", "--ps=0", TMPDIR=str(temporary))
    second.pids("chief0", 2)
    (alive,) = temporary.iterdir()
    assert alive != dead
    third = launch("--workers=1", "--ps=0", TMPDIR=str(temporary))
    third.pids("chief0", 3)
    assert alive in temporary.iterdir()
    assert len(list(temporary.iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers=0", "--ps=1", "--", "true"], "--workers is 0: at least 1"),
        (["--workers=1", "--ps=-1", "--", "true"], "--ps is -1: say 0 to train in"),
        (["--workers=1", "--ps=1"], "no train command: write it after two dashes"),
        (["--workers=1", "--ps=1", "--"], "no train command: write it after two"),
        (["--workers=1", "--ps=1", "--", "no_such_one"], "'no_such_one': no such"),
        (["--workers=1", "--ps=1", "--", "\x1b]0;x"], "'\\x1b]0;x': no such program"),
        (["--workers=1", "--ps=1", "--", ""], "'': no such program"),
        (
            ["--workers=1", "--ps=1", "--chief-restarts=-1", "--", "true"],
            "--chief-restarts is -1: say 0 or more",
        ),
        (
            ["--workers=1", "--ps=1", "--evaluator-grace=-1", "--", "true"],
            "--evaluator-grace is -1: say 0 or more",
        ),
        (["--workers=1", "--ps=1", "--evaluator-grace=nan", "--", "true"], "is nan"),
        (["--workers=1", "--ps=1", "--table-seconds=0", "--", "true"], "more than 0"),
        (["--workers=1", "--ps=1", "--table-seconds=nan", "--", "true"], "is nan: say"),
        (["--workers=1000000", "--ps=1", "--", "true"], "make 1000001 processes"),
        (["--workers=1", "--ps=99999", "--", "true"], "make 100000 processes"),
        (["--workers=1" + "0" * 5000, "--ps=1", "--", "true"], "--workers"),
        (["--workers=\u00b2", "--ps=1", "--", "true"], "--workers"),
        (["--workers=1", "--wrokers=1", "--ps=1", "--", "x"], "--wrokers=1"),
        (["--workers=1", "--", "true"], "required: --ps"),
    ],
)
def test_bad_command_line(capsys, options, message):
    """Status 2 and one message; nothing is started."""
    from od_api import cli

    try:
        status = cli.main(["cluster", *options])
    except SystemExit as end:
        status = end.code
    out, error = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert error.count("error:") == 1
    assert message in error


def test_launcher_does_not_import_tensorflow():
    """It would take ten seconds and much memory, and a GPU."""
    code = "import sys, od_api.cli, od_api.launch.launcher as c; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"tensorflow", "keras"}.isdisjoint(done.stdout.split())
