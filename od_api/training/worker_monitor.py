"""Which workers of an asynchronous run work, and which have gone quiet."""

import collections
import json
import math
import os
import time

import numpy as np
from absl import logging

from od_api.system.durations import duration
from od_api.training.server_probe import accepts, answers, is_stuck

_STATUS_SECONDS = 2.0
_NOT_WORKING = ("silent", "gone")
_HANGS = "although it answers: it hangs, or needs longer for a step"
_STOPPED = "and does not answer: it is stopped, or cut off"
_OTHERS_GO_ON = (
    "The others go on with its step; but until it ends or goes on, none that is "
    "started again can join"
)
_ALL_WAIT = "No other has finished one yet; the first step needs all workers"


class WorkerMonitor:
    """Counts what each worker does and says so when one does nothing.

    Where the environment variable OD_API_CLUSTER_STATUS names a file, it is kept up to
    date for whoever shows the cluster (`od-api cluster`).

    Args:
      addresses: ["host:port"] of the workers.
      batch_size: images a step.
      last_step: where training ends.
      silent_seconds: of work, without a finished step, after which a worker is
        reported; 0 or less reports none. Rests do not count: training rests at each
        checkpoint, however often.

    Attributes:
      silent_seconds: infinite where none is reported.
    """

    def __init__(self, addresses, batch_size, last_step, silent_seconds):
        self._addresses = addresses
        self._batch_size = batch_size
        self._last_step = last_step
        self.silent_seconds = silent_seconds if silent_seconds > 0 else math.inf
        self._steps = [0] * len(addresses)
        self._heard = [time.monotonic()] * len(addresses)
        self._asked = [-math.inf] * len(addresses)
        self._resting_since = time.monotonic()
        self._states = ["waiting"] * len(addresses)
        self._staleness = []
        self._recent = collections.deque(maxlen=200)
        self._path = os.environ.get("OD_API_CLUSTER_STATUS")
        self._written = 0.0

    def started(self):
        """Every worker is given steps (again)."""
        if self._resting_since is None:
            return
        now = time.monotonic()
        rest = now - self._resting_since
        self._heard = [min(heard + rest, now) for heard in self._heard]
        self._resting_since = None

    def rests(self):
        """No worker is given steps, or not every one: some may have nothing to do."""
        if self._resting_since is None:
            self._resting_since = time.monotonic()

    def num_silent(self):
        """How many workers do not work, if there is one that does; else 0."""
        quiet = sum(state in _NOT_WORKING for state in self._states)
        return quiet if quiet < len(self._states) else 0

    def some_are_stuck(self):
        """Whether a worker does not work, reported or not; asks them."""
        silent = any(state in _NOT_WORKING for state in self._states)
        return silent or any(is_stuck(address) for address in self._addresses)

    def finished(self, worker, staleness):
        """`worker` has finished a step, `staleness` updates after it began."""
        now = time.monotonic()
        if self._states[worker] in _NOT_WORKING:
            logging.info("worker %d is back", worker)
        self._states[worker] = "training"
        self._steps[worker] += 1
        self._heard[worker] = now
        self._staleness.append(int(staleness))
        self._recent.append((now, worker))

    def look(self, step, waited=0.0):
        """Reports quiet workers and writes the status file; call it often.

        Args:
          step: the steps done.
          waited: seconds since the oldest step in hand was given out. If that is long,
            all workers are asked, also those that may have nothing to do.
        """
        now = time.monotonic()
        pause = 0.0 if step == self._last_step else _STATUS_SECONDS
        for worker, heard in enumerate(self._heard):
            since_asked = now - self._asked[worker]
            if self._states[worker] == "silent" and since_asked >= self.silent_seconds:
                self._asked[worker] = now
                self._report_if_gone(worker)
            if self._states[worker] in _NOT_WORKING:
                continue
            quiet = now - heard
            has_work = self._resting_since is None and quiet >= self.silent_seconds
            if has_work or min(waited, since_asked) >= self.silent_seconds:
                self._asked[worker] = now
                self._report(worker, quiet if has_work else waited, has_work)
        if self._path and now - self._written >= pause:
            self._written = now
            self._write(step, now)

    def staleness(self):
        """{"staleness_mean", "staleness_p95"} since the last call; empty without any.

        Staleness is how many updates of other workers came between a step's reading of
        the weights and its own update.
        """
        values, self._staleness = self._staleness, []
        if not values:
            return {}
        return {
            "staleness_mean": float(np.mean(values)),
            "staleness_p95": float(np.percentile(values, 95)),
        }

    def _report_if_gone(self, worker):
        """Whether nobody listens there any more; that is said."""
        address = self._addresses[worker]
        if accepts(address):
            return False
        self._states[worker] = "gone"
        logging.warning(
            "worker %d (%s) is gone; the others go on with its step. Started "
            "again at the same address, it joins again",
            worker,
            address,
        )
        return True

    def _report(self, worker, quiet, has_work):
        if self._report_if_gone(worker):
            return
        address = self._addresses[worker]
        is_running = answers(address)
        if is_running and not has_work:
            return
        self._states[worker] = "silent"
        logging.warning(
            "worker %d (%s) has finished no step for %s %s. %s",
            worker,
            address,
            duration(quiet),
            _HANGS if is_running else _STOPPED,
            _OTHERS_GO_ON if self._recent else _ALL_WAIT,
        )

    def _write(self, step, now):
        staleness = self._staleness or [0]
        status = {
            "step": step,
            "last_step": self._last_step,
            "images_per_second": self._speed(now),
            "staleness": {
                "mean": float(np.mean(staleness)),
                "p95": float(np.percentile(staleness, 95)),
            },
            "workers": [
                {
                    "steps": self._steps[worker],
                    "images_per_second": self._speed(now, worker),
                    "state": self._states[worker],
                }
                for worker in range(len(self._addresses))
            ],
        }
        temporary = f"{self._path}.tmp"
        with open(temporary, "w") as file:
            json.dump(status, file)
        os.replace(temporary, self._path)

    def _speed(self, now, worker=None):
        """Images a second, of one worker or of all, over the latest steps."""
        if len(self._recent) < 2:
            return 0.0
        seconds = max(now - self._recent[0][0], 1e-9)
        # The first one began before the time that is measured.
        steps = sum(worker in (None, w) for _, w in list(self._recent)[1:])
        return steps * self._batch_size / seconds
