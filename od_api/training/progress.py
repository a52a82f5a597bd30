"""What training says while it runs: a line now and then, and a word when it stalls."""

import contextlib
import math
import threading
import time

from absl import logging

from od_api.system import terminal
from od_api.system.durations import duration
from od_api.training.live_line import LiveLine

# Who watches a run is told something as often as this.
_QUIET_SECONDS = 30.0
_LOOK_SECONDS = 5.0
_LEAST_LOOK_SECONDS = 0.05


class Progress:
    """Logs steps, losses, learning rate, speed and time left; watches for stalls.

        with Progress(first_step=0, last_step=1000, batch_size=8) as progress:
            progress.step_done(1, {"total_loss": 2.5}, 1e-3)

    There is a line for the first and the tenth step, so that one sees soon whether it
    goes well; for every `log_every` steps; and before half a minute has passed without
    one. Where no step ends for so long, what it is busy with is said. On a terminal
    live lines show the same, and the lines that time alone calls for are left out.

    Args:
      first_step: the step that training starts from.
      last_step: the step it ends at.
      batch_size: images a step, over all replicas.
      log_every: steps between two lines; 0 for lines by time alone.
      stall_seconds: seconds without a finished step before a warning; it is repeated
        as long as nothing moves, but not within half a minute. 0 or less: none.
    """

    def __init__(
        self, *, first_step, last_step, batch_size, log_every=100, stall_seconds=300.0
    ):
        self._last_step = last_step
        self._batch_size = batch_size
        self._log_every = log_every
        self._stall_seconds = stall_seconds if stall_seconds > 0 else math.inf
        self._step = self._first_step = first_step
        now = time.monotonic()
        self._mark = (first_step, now)
        self._alive = self._said = now
        self._live = LiveLine(first_step, last_step, batch_size)
        self._is_live, self._shown = False, contextlib.ExitStack()
        self._busy_with = "tracing and compiling the first step"
        self._stop = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        logging.info(
            "training from step %d to %d; the first step takes longer, since it "
            "compiles the graph",
            self._step,
            self._last_step,
        )
        self._is_live = self._shown.enter_context(terminal.live(self._live))
        self._shown.enter_context(terminal.saying(self._words))
        self._watchdog.start()
        return self

    def __exit__(self, *error):
        self._shown.close()
        self._stop.set()
        self._watchdog.join()

    def step_done(self, step, losses, learning_rate):
        """Call after every step.

        Returns:
          Images per second since the last line when this step logs one, else None.
          The first step returns some only if it has a line for another reason, too.
        """
        now = time.monotonic()
        since_last, self._alive = now - self._alive, now
        self._step, self._busy_with = step, "waiting for a training step"
        self._live.step_done(step, losses, learning_rate)
        is_first, by_step = step == self._first_step + 1, self._is_due(step)
        # Where the next step would be too late it is this one.
        by_time = now - self._said + since_last > _QUIET_SECONDS
        if not (by_step or by_time or is_first):
            return None
        since_step, since_time = self._mark
        seconds = max(now - since_time, 1e-9) / max(step - since_step, 1)
        self._mark, self._said = (step, now), now
        if by_step or is_first or not self._is_live:
            self._log(losses, learning_rate, seconds, is_first)
        return self._batch_size / seconds if by_step or by_time else None

    def measured(self, name, metrics):
        """Takes the metrics of an evaluation, of which the live lines show one."""
        if name in metrics:
            self._live.measured(name.rsplit("/", 1)[-1], metrics[name], self._step)

    def _log(self, losses, learning_rate, seconds, is_first):
        pace = f"{self._batch_size / seconds:.1f} images/s  "
        pace += f"{duration((self._last_step - self._step) * seconds)} left"
        if is_first:
            pace = f"took {duration(seconds)}, most of it to compile"
        logging.info(
            "step %d/%d  %s  lr %.3g  %s",
            self._step,
            self._last_step,
            "  ".join(f"{name} {value:.4g}" for name, value in losses.items()),
            learning_rate,
            pace,
        )

    def _is_due(self, step):
        return step in (self._first_step + 10, self._last_step) or (
            self._log_every > 0 and step % self._log_every == 0
        )

    def _words(self):
        return f"{self._busy_with} (after step {self._step})"

    def pause(self, what):
        """A context for work that is not training (evaluation, saving)."""
        return _Pause(self, what)

    def _watch(self):
        pause = max(min(self._stall_seconds, _LOOK_SECONDS), _LEAST_LOOK_SECONDS)
        warned = -math.inf
        while not self._stop.wait(pause):
            now = time.monotonic()
            idle = now - self._alive
            stalls = idle >= self._stall_seconds
            if stalls and now - warned >= max(self._stall_seconds, _QUIET_SECONDS):
                logging.warning(
                    "no step finished for %s after step %d: %s",
                    duration(idle),
                    self._step,
                    self._busy_with,
                )
                warned = now


class _Pause:
    """Keeps the time spent inside it out of the speed and names it if it stalls."""

    def __init__(self, progress, what):
        self._progress, self._what = progress, what

    def __enter__(self):
        self._started = time.monotonic()
        self._progress._alive = self._started
        self._progress._busy_with = self._what
        self._progress._live.busy(self._what)

    def __exit__(self, *error):
        now = time.monotonic()
        step, mark = self._progress._mark
        self._progress._mark = (step, mark + now - self._started)
        self._progress._alive = now
        self._progress._busy_with = "waiting for a training step"
        self._progress._live.busy("")
