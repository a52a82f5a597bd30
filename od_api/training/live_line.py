"""The live lines of training: how far it is, how fast, and how well."""

import collections
import time

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from od_api.core.printable import printable
from od_api.system.durations import duration

# Steps that the speed is a mean of.
_RECENT = 30


class LiveLine:
    """Two lines for a terminal: step, bar, speed and time left; losses, rate, metric.

    Args:
      first_step: the step that training starts from.
      last_step: the step it ends at.
      batch_size: images a step.
      clock: gives seconds.
    """

    def __init__(self, first_step, last_step, batch_size, clock=time.monotonic):
        self._first_step = self._step = first_step
        self._last_step = last_step
        self._batch_size, self._clock = batch_size, clock
        self._seconds = collections.deque(maxlen=_RECENT)
        self._since, self._busy_with = clock(), ""
        self._losses, self._rate, self._metric = {}, None, ""

    def step_done(self, step, losses, rate):
        """Takes a step, its losses and its learning rate."""
        now = self._clock()
        # The first one compiles.
        if self._step > self._first_step:
            self._seconds.append(now - self._since)
        self._step, self._losses, self._rate = step, losses, rate
        self._since, self._busy_with = now, ""

    def busy(self, what):
        """What it does in place of steps; "" when it goes on with them."""
        self._busy_with, self._since = what, self._clock()

    def measured(self, name, value, step):
        """Takes the metric of an evaluation."""
        self._metric = f"{name} {value:.3f} at step {step}"

    def __rich__(self):
        table = Table.grid(padding=(0, 2))
        table.add_row(
            Text(f"step {self._step}/{self._last_step}", style="bold"),
            ProgressBar(max(self._last_step, 1), self._step, width=24),
            Text(self._pace()),
        )
        return Group(table, Text(self._quality(), no_wrap=True, overflow="ellipsis"))

    def _pace(self):
        """Of the steps; or for how long something else goes on, or a slow step."""
        idle = self._clock() - self._since
        mean = sum(self._seconds) / max(len(self._seconds), 1)
        if self._busy_with:
            return f"{self._busy_with}, {duration(idle)}"
        if self._step == self._first_step:
            return f"compiling the first step, {duration(idle)}"
        if not self._seconds:
            return ""
        left = duration(max(self._last_step - self._step, 0) * mean)
        pace = f"{self._batch_size / max(mean, 1e-9):.1f} images/s  {left} left"
        slow = idle > max(5 * mean, 5)
        return f"{pace}  (this step: {duration(idle)})" if slow else pace

    def _quality(self):
        words = [
            f"{printable(name)} {value:.4g}" for name, value in self._losses.items()
        ]
        if self._rate is not None:
            words.append(f"lr {self._rate:.3g}")
        if self._metric:
            words.append(self._metric)
        return "  ".join(words)
