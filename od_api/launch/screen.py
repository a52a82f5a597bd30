"""What the launcher shows: every role's log, and the table below it."""

import contextlib
import threading
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from od_api.launch.table import plain_lines, rich_table, style_of

_LIVE_SECONDS = 0.5
OWN_NAME = "cluster"


class Screen:
    """Lines with the role's name before them; on a terminal, a live table below.

    Elsewhere the table is written as plain lines now and then. Safe to use from
    several threads.

    Args:
      file: where it goes, a text file.
      make_table: `() -> (rows, caption)` of the table.
      table_seconds: between two tables where `file` is no terminal.
    """

    def __init__(self, file, make_table, table_seconds):
        self._console = Console(file=file, highlight=False)
        self._file, self._make_table = file, make_table
        self._lock = threading.Lock()
        self._live = None
        self._pause = table_seconds
        if self._console.is_terminal:
            self._pause = _LIVE_SECONDS
            self._live = Live(
                console=self._console,
                get_renderable=lambda: rich_table(*make_table()),
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
        self._shown = -float("inf")
        # Nobody reads any more (`| head`): nothing is shown from then on.
        self.is_broken = False

    def __enter__(self):
        if self._live:
            self._live.start(refresh=True)
        return self

    def __exit__(self, *error):
        if self._live:
            self._live.stop()
        else:
            self.refresh(now=True)

    def line(self, name, text):
        """Shows a line of the role `name`, `[name] text`."""
        if self._live:
            prefix = (f"[{name}] ", style_of(name))
            line = Text.assemble(prefix, Text.from_ansi(text))
            self._write(lambda: self._console.print(line, soft_wrap=True))
        else:
            self._write(lambda: self._file.write(f"[{name}] {text}\n"))

    def say(self, text):
        """Shows a line of the launcher's own."""
        self.line(OWN_NAME, text)

    def refresh(self, now=False):
        """Shows the table as it is now, if it is time."""
        if not now and time.monotonic() - self._shown < self._pause:
            return
        self._shown = time.monotonic()
        if self._live:
            self._write(self._live.refresh)
            return
        for line in plain_lines(*self._make_table()):
            self.say(line)

    def _write(self, action):
        if self.is_broken:
            return
        with self._lock:
            try:
                action()
                with contextlib.suppress(ValueError):
                    self._file.flush()
            except OSError:
                self.is_broken = True
