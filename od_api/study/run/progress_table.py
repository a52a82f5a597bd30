"""Where a run of a study stands: a live table, or lines where there is no terminal."""

import contextlib
import time

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from od_api.core.printable import printable
from od_api.study.run.run_settings import STAGES
from od_api.system.durations import duration

_ROWS = 12
_STYLES = {"cached": "dim", "running": "bold cyan", "done": "green", "failed": "red"}


class ProgressTable:
    """Shows the events of a run.

    Args:
      study: {name: CellStages}.
      names: of the cells that are run.
      console: a rich Console; standard output by default.
    """

    def __init__(self, study, names, console=None):
        self._study, self._names = study, names
        self._console = console or Console()
        self._live = None
        # {(cell, stage): Event}, and when the running ones began.
        self._events, self._begun = {}, {}
        self._started = time.monotonic()

    def __enter__(self):
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self.render, console=self._console, refresh_per_second=1
            )
            self._live.start()
        return self

    def __exit__(self, *_):
        if self._live:
            self._live.stop()

    def tell(self, event):
        """Takes an Event."""
        place = (event.cell, event.stage)
        self._events[place] = event
        if event.state == "running":
            self._begun[place] = time.monotonic()
        elif not self._live and event.state != "cached":
            print(self.line(event), file=self._console.file, flush=True)

    def line(self, event):
        """One event in words, with how far the run is."""
        number = self._names.index(event.cell) + 1
        start = f"[{number}/{len(self._names)}] {event.cell}: {event.stage}"
        if event.state == "failed":
            return f"{start} FAILED: {printable(event.message)}"
        return f"{start} {duration(event.seconds)}; {self.time_left()}"

    def render(self):
        """The table and its summary."""
        table = Table("cell", *STAGES, box=None, pad_edge=False)
        for name in self._shown():
            table.add_row(Text(name), *(self._cell(name, stage) for stage in STAGES))
        return Group(table, Text(self.summary()))

    def summary(self):
        """How many cells are done and failed, for how long, how long still."""
        failed = {e.cell for e in self._events.values() if e.state == "failed"}
        done = [n for n in self._names if n not in failed and not self._left(n)]
        text = f"{len(done)} of {len(self._names)} cells done"
        if failed:
            text += f", {len(failed)} failed"
        elapsed = duration(time.monotonic() - self._started)
        return f"{text}; {elapsed} so far, {self.time_left()}"

    def seconds_left(self):
        """(an estimate, whether it is of all that is left).

        A stage takes as long as it took on average, in this run or an earlier one, and
        is left out as long as there was none. A model that several cells share is
        trained once.
        """
        means, trained = self._means(), set()
        total, is_whole = 0.0, True
        for name in self._names:
            model = self._study[name].cell.trained_name
            for stage in self._left(name):
                if stage == "train" and model in trained:
                    continue
                if stage == "train":
                    trained.add(model)
                if stage not in means:
                    is_whole = False
                    continue
                begun = self._begun.get((name, stage))
                spent = time.monotonic() - begun if begun else 0.0
                total += max(means[stage] - spent, 0.0)
        return total, is_whole

    def time_left(self):
        seconds, is_whole = self.seconds_left()
        if is_whole:
            return f"about {duration(seconds)} left" if seconds else "nothing left"
        return f"more than {duration(seconds)} left"

    def _means(self):
        seen = {}
        for (_, stage), event in self._events.items():
            if event.state in ("done", "cached"):
                seen.setdefault(stage, []).append(event.seconds)
        return {stage: sum(values) / len(values) for stage, values in seen.items()}

    def _left(self, name):
        """Stages of a cell that are to be done still; none after a failure."""
        states = {s: self._events.get((name, s)) for s in self._study[name].stages}
        if any(event and event.state == "failed" for event in states.values()):
            return []
        over = ("done", "cached")
        return [
            s for s, event in states.items() if not event or event.state not in over
        ]

    def _shown(self):
        """The cells around the one that runs, and those that failed."""
        told = [i for i, n in enumerate(self._names) if (n in self._touched())]
        last = max(told, default=0)
        first = max(0, min(last - _ROWS // 2, len(self._names) - _ROWS))
        window = self._names[first : first + _ROWS]
        failed = {e.cell for e in self._events.values() if e.state == "failed"}
        return [n for n in self._names if n in failed and n not in window] + window

    def _touched(self):
        return {cell for cell, _ in self._events}

    def _cell(self, name, stage):
        if stage not in self._study[name].stages:
            return Text("")
        event = self._events.get((name, stage))
        if event is None:
            return Text("-", "dim")
        if event.state == "running":
            seconds = time.monotonic() - self._begun[name, stage]
            return Text(duration(seconds), _STYLES["running"])
        words = event.state if event.state != "done" else duration(event.seconds)
        return Text(words, _STYLES[event.state])


@contextlib.contextmanager
def shown(study, names):
    """A ProgressTable for the time of a run, and a summary after it."""
    table = ProgressTable(study, names)
    with table:
        yield table
    if not table._live:
        print(table.summary(), flush=True)
