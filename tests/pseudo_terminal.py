"""A terminal for tests, and what is written to it."""

import os
import pty
import sys
import threading
import time

from od_api.system import terminal


class PseudoTerminal:
    """Within it, standard error is a terminal of 120 columns.

    Attributes:
      text: all that was written so far, with the escapes.
    """

    def __init__(self, monkeypatch):
        self._patch, self.text = monkeypatch, ""

    def __enter__(self):
        self._master, slave = pty.openpty()
        self._file = os.fdopen(slave, "w")
        self._patch.setattr(sys, "stderr", self._file)
        self._patch.setenv("COLUMNS", "120")
        self._patch.setenv("TERM", "xterm")
        terminal.console.cache_clear()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_):
        self._patch.undo()
        terminal.console.cache_clear()
        # The reader ends with the last writer.
        self._file.close()
        self._reader.join()
        os.close(self._master)

    def wait_for(self, words):
        """Returns when they are there; fails if they do not come."""
        ends = time.monotonic() + 60
        while words not in self.text:
            assert time.monotonic() < ends, self.text
            time.sleep(0.01)

    def _read(self):
        while True:
            try:
                piece = os.read(self._master, 4096)
            except OSError:  # the other end is closed
                return
            if not piece:
                return
            self.text += piece.decode("utf-8", "replace")
