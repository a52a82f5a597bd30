"""A cluster of real processes on loopback, for tests that kill parts of it."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

from od_api.training.server_probe import accepts

ROOT = pathlib.Path(__file__).parent.parent


class ProcessCluster:
    """Starts the tasks of a cluster with TF_CONFIG set, and reads their output.

    Args:
      folder: where the output of each task goes, `worker-0.log` and so on.
      command: list of strings that follow `python`.
      jobs: {"chief": 1, "worker": 2, "ps": 1}.
    """

    def __init__(self, folder, command, **jobs):
        self._folder, self._command = pathlib.Path(folder), command
        self._folder.mkdir(parents=True, exist_ok=True)
        ports = iter(free_ports(sum(jobs.values())))
        self.jobs = {
            kind: [f"127.0.0.1:{next(ports)}" for _ in range(number)]
            for kind, number in jobs.items()
        }
        self.processes = {}
        self._read = {}

    def start(self, kind, index=0, command=None):
        """Starts a task (again); its output is added to its log."""
        cluster = {k: a for k, a in self.jobs.items() if k != "evaluator"}
        task = {"type": kind, "index": index}
        environment = {
            **os.environ,
            "TF_CONFIG": json.dumps({"cluster": cluster, "task": task}),
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        with open(self._folder / f"{kind}-{index}.log", "ab") as log:
            self.processes[kind, index] = subprocess.Popen(
                [sys.executable, *(command or self._command)],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start_all(self):
        """Starts every task, the chief last."""
        for kind in ("ps", "worker", "evaluator", "chief"):
            for index in range(len(self.jobs.get(kind, ()))):
                self.start(kind, index)

    def kill(self, kind, index=0, number=signal.SIGKILL):
        """Sends a signal to a task; waits for its end if it is SIGKILL."""
        process = self.processes[kind, index]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()

    def wait(self, kind="chief", index=0, seconds=300):
        """The exit status of a task."""
        return self.processes[kind, index].wait(seconds)

    def log(self, kind="chief", index=0):
        """What a task has printed so far."""
        return (self._folder / f"{kind}-{index}.log").read_text(errors="replace")

    def wait_for(self, text, kind="chief", index=0, seconds=180):
        """Returns when the task has printed `text`, since the last one waited for."""
        deadline = time.monotonic() + seconds
        while True:
            ended = self.processes[kind, index].poll() is not None
            log = self.log(kind, index)
            position = log.find(text, self._read.get((kind, index), 0))
            if position >= 0:
                self._read[kind, index] = position + len(text)
                return
            assert not ended and time.monotonic() < deadline, (
                f"{kind} {index} never said {text!r}:\n{log}"
            )
            time.sleep(0.1)

    def wait_for_address(self, kind, index=0, seconds=180):
        """Returns when a task answers at its address."""
        deadline = time.monotonic() + seconds
        while not accepts(self.jobs[kind][index]):
            assert time.monotonic() < deadline, f"{kind} {index} never answered"
            time.sleep(0.1)


def free_ports(number):
    """Port numbers on loopback that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def running(folder, command, **jobs):
    """A ProcessCluster with all its tasks started; none is left afterwards."""
    cluster = ProcessCluster(folder, command, **jobs)
    try:
        cluster.start_all()
        yield cluster
    finally:
        for process in cluster.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
