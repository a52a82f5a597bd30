"""A launcher under test: its processes, its log, and what they are told to do."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

FAKE = pathlib.Path(__file__).with_name("fake_role.py")
# Far above what anything here takes, for machines that are busy with other things.
PATIENCE = 60.0


def until(condition, what):
    """Waits for `condition()` to be true; returns its value."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def is_alive(pid):
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return False
    return state[0] != "Z"


class Run:
    """A launcher whose roles do what the files of `folder` tell them."""

    def __init__(self, folder, *options, **environment):
        self.folder = folder
        self._log = folder / "log"
        with open(self._log, "w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "od_api.cli", "cluster", *options),
                    *("--", sys.executable, str(FAKE), str(folder)),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "3", **environment},
            )

    def log(self):
        return self._log.read_text()

    def logged(self, pattern):
        """Waits for a line that matches."""
        return until(lambda: re.search(pattern, self.log(), re.M), f"{pattern!r}")

    def pids(self, role, count=1):
        """The process ids of a role in the order of its starts, at least `count`."""
        path = self.folder / f"{role}.starts"

        def found():
            pids = path.read_text().split() if path.exists() else []
            return [int(pid) for pid in pids] if len(pids) >= count else None

        return until(found, f"start {count} of {role}")

    def all_pids(self):
        return [
            int(pid)
            for path in self.folder.glob("*.starts")
            for pid in path.read_text().split()
        ]

    def end(self, role, status):
        """Has a role end by itself."""
        (self.folder / f"{role}.new").write_text(str(status))
        (self.folder / f"{role}.new").rename(self.folder / f"{role}.exit")

    def status(self):
        """The launcher's exit status; nothing that it started may be left."""
        status = self.process.wait(PATIENCE)
        assert [pid for pid in self.all_pids() if is_alive(pid)] == []
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.all_pids():
            if is_alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
