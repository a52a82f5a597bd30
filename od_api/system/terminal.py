"""What is shown of long work: bars on a terminal, elsewhere a line every half minute.

Everything goes to standard error. On a terminal log lines are written above the bars.
"""

import contextlib
import functools
import sys
import threading
import time
from logging import Handler

from absl import logging
from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.spinner import Spinner

from od_api.system.durations import duration

# After so long without a line there is one within the next look.
_QUIET_SECONDS = 29.0
_LOOK_SECONDS = 1.0
_PER_SECOND = 4


@functools.cache
def console():
    """The one console of all bars: those that are shown together need one."""
    return Console(stderr=True)


def is_live():
    """Whether standard error is a terminal that can be written over."""
    file = console().file
    return bool(getattr(file, "isatty", bool)()) and not console().is_dumb_terminal


@contextlib.contextmanager
def live(renderable):
    """Keeps something of rich up to date at the end of a terminal; elsewhere nothing.

    Yields:
      Whether it is shown.
    """
    if not is_live():
        yield False
        return
    display = Live(
        renderable, refresh_per_second=_PER_SECOND, transient=True, **_where()
    )
    with display, _lines_above():
        yield True


@contextlib.contextmanager
def bars():
    """A rich.progress.Progress for bars; of nothing where there is no terminal."""
    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    shown = is_live()
    progress = Progress(*columns, transient=True, disable=not shown, **_where())
    with progress, _lines_above() if shown else contextlib.nullcontext():
        yield progress


def _where():
    # What is printed meanwhile goes above the bars, unless it goes elsewhere.
    to_terminal = bool(getattr(sys.stdout, "isatty", bool)())
    return {"console": console(), "redirect_stdout": to_terminal}


@contextlib.contextmanager
def _lines_above():
    """Log lines go to what rich has put in the place of standard error."""
    handler = logging.get_absl_handler().python_handler
    before = handler.stream
    handler.stream = sys.stderr
    try:
        yield
    finally:
        handler.stream = before


def tracked(items, what, total=None, progress=None):
    """Yields the items, and shows how far it is.

    Args:
      items: any iterable.
      what: is done with them, such as "evaluating".
      total: their number; None: as `len` says, if it does.
      progress: of `bars`, to which the bar is added; None: bars of its own.
    """
    if progress is None:
        with bars() as progress:
            yield from tracked(items, what, total, progress)
        return
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    bar, done, started = progress.add_task(what, total=total), 0, time.monotonic()

    def said():
        number = str(done) if total is None else f"{done} of {total}"
        return f"{what}: {number} done in {duration(time.monotonic() - started)}"

    try:
        with saying(said):
            for item in items:
                yield item
                done += 1
                progress.update(bar, completed=done)
    finally:
        progress.remove_task(bar)


@contextlib.contextmanager
def busy(what):
    """Says what work goes on: with a sign of life on a terminal, else now and then."""
    with live(Spinner("dots", text=what)), saying(lambda: what):
        yield


@contextlib.contextmanager
def saying(words):
    """Logs `words()` whenever nothing was logged for half a minute.

    Of several at a time the innermost one is asked. Nothing is said on a terminal,
    where something moves.
    """
    if is_live():
        yield
        return
    stop = threading.Event()
    watch = threading.Thread(target=_say, args=(words, stop), daemon=True)
    _EAR.listen_for(words)
    watch.start()
    try:
        yield
    finally:
        stop.set()
        watch.join()
        _EAR.forget(words)


def _say(words, stop):
    while not stop.wait(_LOOK_SECONDS):
        if _EAR.asks(words):
            logging.info("%s", words())


class _Ear(Handler):
    """Hears when a line was logged last, while somebody wants to know it."""

    def __init__(self):
        super().__init__()
        self._listening, self._heard = [], 0.0

    def emit(self, record):
        self._heard = time.monotonic()

    def asks(self, words):
        """Whether it is time for these words."""
        innermost = self._listening[-1:] == [words]
        return innermost and time.monotonic() - self._heard >= _QUIET_SECONDS

    def listen_for(self, words):
        if not self._listening:
            self._heard = time.monotonic()
            logging.get_absl_logger().addHandler(self)
        self._listening.append(words)

    def forget(self, words):
        self._listening.remove(words)
        if not self._listening:
            logging.get_absl_logger().removeHandler(self)


_EAR = _Ear()
