"""A process beside this one that names the servers for which this one waits."""

import contextlib
import pathlib
import subprocess
import sys

_PROGRAM = str(pathlib.Path(__file__).with_name("server_probe.py"))


class ServerWatch:
    """Names on standard error those that do not answer while this process is stuck.

    A context manager. A thread could not do it: TensorFlow holds up all of them.

    Args:
      addresses: {name: "host:port"}.
      seconds: without a `beat` after which the servers are asked; none are for 0 or
        less.
    """

    def __init__(self, addresses, seconds):
        self._process = None
        if addresses and seconds > 0:
            pairs = [word for pair in addresses.items() for word in pair]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", _PROGRAM, str(seconds), *pairs],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                bufsize=0,
                # Ctrl-C and the like are for this process, which then ends the watch.
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._process is not None:
            self._process.stdin.close()
            self._process.kill()  # It may be waiting for an answer.
            self._process.wait()

    def beat(self):
        """All is well: this process is not waiting for a server."""
        # Somebody may have killed the watch; that is no reason to stop training.
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b".")
