"""One training in a model_dir."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from od_api.core.errors import UserError
from od_api.training.run_lock import run_lock

HOLDER = """
import os, sys, time
from od_api.training.run_lock import run_lock
with run_lock(sys.argv[1]):
    if os.fork() == 0:
        print("held", flush=True)
        os.execvp("sleep", ["sleep", "60"]) if sys.argv[2] == "exec" else time.sleep(60)
        os._exit(0)
    time.sleep(60)
"""


def test_second_one_is_refused_with_the_first_named(tmp_path):
    with run_lock(tmp_path / "model"):
        message = rf"model is in use: process {os.getpid()} on .*, since "
        with (
            pytest.raises(UserError, match=message),
            run_lock(tmp_path / "model"),
        ):
            pass
    with run_lock(tmp_path / "model"), run_lock(tmp_path / "another"):
        pass


@pytest.mark.parametrize("child", ["exec", "fork"])
def test_it_ends_with_its_process_and_children_do_not_hold_it(tmp_path, child):
    """kill -9, while a child of it lives on."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), child],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(UserError, match=f"process {holder.pid} on"),
            run_lock(tmp_path),
        ):
            pass
        holder.kill()
        holder.wait()
        with run_lock(tmp_path):
            pass
    finally:
        os.killpg(holder.pid, 9)
        holder.stdout.close()


def test_a_lock_file_that_says_nothing(tmp_path):
    with run_lock(tmp_path):
        (tmp_path / ".training.lock").write_text("[")
        with pytest.raises(UserError, match="another process"), run_lock(tmp_path):
            pass


def test_without_locks_there_is_a_warning(tmp_path, monkeypatch, caplog):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with run_lock(tmp_path):
        pass
    assert "make sure that no other training" in caplog.text


def test_a_remote_path_is_not_locked(caplog):
    with run_lock("gs://bucket/model"):
        pass
    assert "gs:/bucket/model" in caplog.text and "no local path" in caplog.text
