"""What training says while it runs: a line now and then, and a word when it stalls."""

import threading
import time

from absl import logging


class Progress:
    """Logs steps, losses, learning rate, speed and time left; watches for stalls.

        with Progress(first_step=0, last_step=1000, batch_size=8) as progress:
            progress.step_done(1, {"total_loss": 2.5}, 1e-3)

    Args:
      first_step: the step that training starts from.
      last_step: the step it ends at.
      batch_size: images a step, over all replicas.
      log_every: steps between two lines.
      stall_seconds: seconds without a finished step before a warning; it is repeated
        as long as nothing moves.
    """

    def __init__(
        self, *, first_step, last_step, batch_size, log_every=100, stall_seconds=300.0
    ):
        self._last_step = last_step
        self._batch_size = batch_size
        self._log_every = max(log_every, 1)
        self._stall_seconds = stall_seconds
        self._step = first_step
        self._mark = (first_step, time.monotonic())
        self._alive = time.monotonic()
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
        self._watchdog.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        self._watchdog.join()

    def step_done(self, step, losses, learning_rate):
        """Call after every step.

        Returns:
          Images per second since the last line when this step logs one, else None.
        """
        now = time.monotonic()
        self._step, self._alive = step, now
        self._busy_with = "waiting for a training step (input or device)"
        if step % self._log_every and step != self._last_step:
            return None
        since_step, since_time = self._mark
        self._mark = (step, now)
        seconds = max(now - since_time, 1e-9) / max(step - since_step, 1)
        left = duration((self._last_step - step) * seconds)
        logging.info(
            "step %d/%d  %s  lr %.3g  %.1f images/s  %s left",
            step,
            self._last_step,
            "  ".join(f"{name} {value:.4g}" for name, value in losses.items()),
            learning_rate,
            self._batch_size / seconds,
            left,
        )
        return self._batch_size / seconds

    def pause(self, what):
        """A context for work that is not training (evaluation, saving)."""
        return _Pause(self, what)

    def _watch(self):
        while not self._stop.wait(min(self._stall_seconds, 5.0)):
            idle = time.monotonic() - self._alive
            if idle >= self._stall_seconds:
                logging.warning(
                    "no step finished for %s after step %d: %s",
                    duration(idle),
                    self._step,
                    self._busy_with,
                )
                self._alive = time.monotonic()


class _Pause:
    """Keeps the time spent inside it out of the speed and names it if it stalls."""

    def __init__(self, progress, what):
        self._progress, self._what = progress, what

    def __enter__(self):
        self._started = time.monotonic()
        self._progress._alive = self._started
        self._progress._busy_with = self._what

    def __exit__(self, *error):
        now = time.monotonic()
        step, mark = self._progress._mark
        self._progress._mark = (step, mark + now - self._started)
        self._progress._alive = now


def duration(seconds):
    """Seconds as a person says them: `42 s`, `3 min 05 s`, `2 h 07 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
