"""The parent's end of the two programs' processes."""

import json
import os
import pathlib
import subprocess
import sys
import time

_SIDE = pathlib.Path(__file__).with_name("side.py")
# Of a log, when a process ends without a word.
_LAST_LINES = 15


class SideError(Exception):
    """What went wrong on one side, as text for the report."""


class Side:
    """A program that is compared.

    Args:
      name: "ours" or "old".
      python: its interpreter.
      path: folder that comes first on its PYTHONPATH; None for none.
      logs: folder for what its processes print.
    """

    def __init__(self, name, python, path, logs):
        self.name, self.logs = name, pathlib.Path(logs)
        self._python = str(python)
        # Both on the processor: the old TensorFlow would look for libraries that are
        # seldom there.
        changes = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        if path is not None:
            changes["PYTHONPATH"] = str(path)
        self._environment = {**os.environ, **changes}

    def start(self, module, settings):
        """A Process that is ready to measure; `facts` says what it found."""
        return Process(self, module, settings)

    def command(self):
        return [self._python, "-u", str(_SIDE)]

    def environment(self):
        return self._environment


class Process:
    """A running program; a context manager that ends it.

    Attributes:
      facts: about the work.
      versions: {package: version}.

    Raises:
      SideError: what is measured failed, or the process ended.
    """

    def __init__(self, side, module, settings):
        side.logs.mkdir(parents=True, exist_ok=True)
        self._log = side.logs / f"{module}.{side.name}.log"
        with self._log.open("a") as log:
            # The time that the process knows as that of its own start.
            settings = {**settings, "spawned": time.time()}
            self._process = subprocess.Popen(
                side.command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=side.environment(),
            )
        try:
            work = {"module": module, "side": side.name, "settings": settings}
            answer = self._ask(json.dumps(work))
        except BaseException:
            self.close()
            raise
        self.facts, self.versions = answer["facts"], answer["versions"]

    def measure(self):
        """{quantity: [numbers]} of one round."""
        return self._ask("measure")

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _ask(self, line):
        try:
            print(line, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            status = self._process.wait()
            tail = self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            raise SideError("\n".join([*tail, f"the process ended with {status}"]))
        answer = json.loads(answer)
        if "error" in answer:
            raise SideError(answer["error"])
        return answer["value"]


def machine():
    """What everything runs on."""
    import platform

    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "threads": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
            if name in os.environ
        },
    }


def has_bfloat16():
    """Whether the processor multiplies in bfloat16."""
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def sides(old_python, old_path, logs):
    """[ours, old]."""
    return [
        Side("ours", sys.executable, None, logs),
        Side("old", old_python, old_path, logs),
    ]
