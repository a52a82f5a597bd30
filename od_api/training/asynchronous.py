"""Steps of asynchronous training: workers take them at their own pace.

Each worker reads the weights from the parameter servers, computes the gradients of a
batch of its own and applies them, whatever the others have done meanwhile (Dean et al.,
Large Scale Distributed Deep Networks, NIPS 2012, Downpour SGD; the training of Huang et
al., CVPR 2017). An update is one fused op on the server that holds the variable, so
none is lost. A worker that dies is left out, and its step is taken by another; of that
one step some variables may have been updated already. A worker that goes silent is left
out, too, and others do as many steps more; should it finish its own after all, that
step counts like any other, if need be on the way to the next goal.
"""

import collections
import math
import queue
import re
import threading
import time

import tensorflow as tf
from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.batch_fields import numeric
from od_api.system.durations import duration
from od_api.training import departure
from od_api.training.lane_counter import LaneCounter
from od_api.training.loss_watch import LossWatch
from od_api.training.synchronous import FinishedStep
from od_api.training.worker_monitor import WorkerMonitor

# Steps in hand for each worker: one that it takes, and one that waits for it.
_LANES_PER_WORKER = 2
_LOOK_SECONDS = 1.0
# How long to wait for the error behind those that follow from it.
_ERROR_SECONDS = 10.0


class ParameterServerLost(UserError):
    """A parameter server ended, and its variables with it."""


class AsynchronousSteps:
    """Hands out steps to workers and yields them as they are finished.

    Args:
      state: TrainingState, built under `strategy`.
      strategy: tf.distribute.ParameterServerStrategy.
      make_dataset: `(worker index, number of workers) -> tf.data.Dataset` of batches;
        it runs on the worker, and the index is a scalar tensor.
      cluster: Cluster.
      settings: TrainConfig.
      last_step: where training ends.
      explain: makes a UserError of TensorFlow's error about a record.
    """

    def __init__(
        self,
        state,
        strategy,
        make_dataset,
        cluster,
        settings,
        last_step,
        explain=lambda error: error,
    ):
        self._explain = explain
        _refuse_several_gpus(strategy)
        workers = cluster.jobs["worker"]
        self._state, self._strategy, self._cluster = state, strategy, cluster
        self._delay = settings.startup_delay_steps
        self._step = state.step
        self._watch = LossWatch()
        self._tickets = [0] * (_LANES_PER_WORKER * len(workers))
        self._free = list(range(len(self._tickets)))
        # Steps that workers have finished after all, when the goal needed none more.
        self._late = collections.deque()
        self._last_finished = -math.inf
        with strategy.scope():
            self._counter = LaneCounter(state.step_variable, len(self._tickets))
        self._monitor = WorkerMonitor(
            workers, settings.batch_size, last_step, settings.worker_silence_seconds
        )
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
        own_dataset = tf.function(
            lambda: make_dataset(_worker_index(), len(workers)), autograph=False
        )
        datasets = self._coordinator.create_per_worker_dataset(own_dataset)
        self._batches = iter(datasets)
        self._take_step = tf.function(self._worker_step, autograph=False)
        self._inbox, self._outbox = queue.SimpleQueue(), queue.SimpleQueue()
        for _ in self._tickets:
            threading.Thread(target=self._serve_lane, daemon=True).start()

    def until(self, last_step):
        """Yields a FinishedStep for each step up to `last_step`, in order of arrival.

        When it ends no step is in hand, but for those of silent workers: the weights
        are those of exactly that step.

        Raises:
          TrainingDiverged: a loss is not finite, or grows without end.
          UserError: a parameter server is lost, or a worker cannot read its data.
        """
        try:
            yield from self._until(last_step)
        finally:
            if self._monitor.some_are_stuck():
                departure.keep(self._coordinator)

    def _until(self, last_step):
        while self._late and self._step < last_step:
            yield self._finished(self._late.popleft())
        in_hand = {}
        while self._step < last_step:
            now = time.monotonic()
            waited = now - min(in_hand.values(), default=now)
            self._monitor.look(self._step, waited)
            self._give_up_silent(in_hand)
            self._hand_out(in_hand, last_step - self._step)
            try:
                lane, result = self._outbox.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(result, BaseException):
                raise self._explained(result)
            self._free.append(lane)
            was_given_up = in_hand.pop(lane, None) is None
            if was_given_up and len(in_hand) == last_step - self._step:
                self._late.append(result)
            else:
                yield self._finished(result)
        self._monitor.look(self._step)
        self._monitor.rests()
        self._state.step_variable.assign(self._step)

    def _hand_out(self, in_hand, remaining):
        """Has free lanes take steps, as many as are still needed and allowed.

        Args:
          in_hand: {lane: when it was given its step}; those in silent hands left out.
          remaining: steps to the goal.
        """
        allowed = self._allowed()
        while self._free and len(in_hand) < min(allowed, remaining):
            lane = self._free.pop()
            self._tickets[lane] += 1
            in_hand[lane] = time.monotonic()
            self._inbox.put((lane, self._tickets[lane]))
        if allowed == len(self._tickets) and not self._num_idle(in_hand):
            self._monitor.started()
        else:
            self._monitor.rests()

    def _num_given_up(self, in_hand):
        return len(self._tickets) - len(self._free) - len(in_hand)

    def _num_idle(self, in_hand):
        """How many workers have nothing to do."""
        taken = len(in_hand) + self._num_given_up(in_hand)
        return max(len(self._cluster.jobs["worker"]) - taken, 0)

    def _give_up_silent(self, in_hand):
        """Waits no longer for steps in the hands of silent workers.

        That is one for each of them, the oldest. Where some workers have nothing to do
        any more it cannot be said which one is silent; then what was given out long
        before the last finished step counts as lost.
        """
        more = max(self._monitor.num_silent() - self._num_given_up(in_hand), 0)
        long_ago = time.monotonic() - self._monitor.silent_seconds
        for lane in sorted(in_hand, key=in_hand.get):
            if in_hand[lane] > long_ago:
                return
            idle = self._num_idle(in_hand) and in_hand[lane] < self._last_finished
            if more <= 0 and not idle:
                return
            if more <= 0:
                logging.warning(
                    "a step given out %s ago has not come back, though workers have "
                    "nothing else to do: another one takes it",
                    duration(time.monotonic() - in_hand[lane]),
                )
            del in_hand[lane]
            more -= 1

    def report(self):
        """{name: float} to log beside the losses: staleness since the last report."""
        return self._monitor.staleness()

    def _allowed(self):
        workers = len(self._cluster.jobs["worker"])
        begun = workers_begun(self._step, self._delay, workers)
        return begun if begun < workers else len(self._tickets)

    def _serve_lane(self):
        while True:
            lane, ticket = self._inbox.get()
            try:
                args = (self._batches, tf.constant(lane, tf.int64))
                result = fetched(
                    self._coordinator.schedule(
                        self._take_step, args=(*args, tf.constant(ticket, tf.int64))
                    )
                )
            except BaseException as error:  # It belongs to the loop, not to a thread.
                result = error
            self._outbox.put((lane, result))

    def _worker_step(self, batches, lane, ticket):
        """One step, on a worker."""
        batch = next(batches)
        losses, staleness = self._strategy.run(
            self._state.take_step.update, args=(numeric(batch), self._counter.value)
        )
        self._counter.count(lane, ticket)
        return {
            "losses": losses,
            "staleness": staleness,
            "worker": _worker_index(),
            "source_ids": batch["source_id"],
        }

    def _finished(self, result):
        self._last_finished = time.monotonic()
        if self._cluster.watch:
            self._cluster.watch.beat()
        self._monitor.finished(int(result["worker"]), result["staleness"])
        self._step += 1
        finished = FinishedStep(
            self._step,
            {name: float(value) for name, value in result["losses"].items()},
            lambda: [printable(name) for name in result["source_ids"]],
        )
        self._watch.look(finished)
        return finished

    def _explained(self, error):
        """The error that a user can act on, of those that one failure brings about."""
        errors = [error]
        while isinstance(errors[-1], tf.errors.CancelledError):
            try:
                _, result = self._outbox.get(timeout=_ERROR_SECONDS)
            except queue.Empty:
                break
            if isinstance(result, BaseException):
                errors.append(result)
        error = errors[-1]
        servers = _servers_in(error)
        if isinstance(error, tf.errors.UnavailableError) and servers:
            address = self._cluster.jobs["ps"][int(servers[0])]
            return ParameterServerLost(
                f"parameter server {servers[0]} ({address}) is lost, and the variables "
                f"that it held: start it and this command again, and training goes on "
                f"from {self._state.latest_checkpoint() or 'step 0'}"
            )
        # A message that is no UTF-8 quotes a record.
        if isinstance(error, UnicodeDecodeError) or (
            isinstance(error, tf.errors.OpError) and "IteratorGetNext" in str(error)
        ):
            return self._explain(error)
        return error


def fetched(remote, pause=_LOOK_SECONDS):
    """The values of a step, whichever worker ends up taking it.

    They are ready before they are here. Where their worker dies in between, fetching
    them fails, while the coordinator hands the step to another worker and the same
    RemoteValue becomes ready once more: so it is asked again.

    Args:
      remote: tf.distribute.coordinator.RemoteValue of a step.
      pause: seconds before it is asked again.

    Raises:
      tf.errors.OpError: the step failed, or a parameter server is lost.
    """
    while True:
        try:
            return remote.fetch()
        except (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            # A worker that is back already does not know what the one before held.
            tf.errors.InvalidArgumentError,
        ) as error:
            if not _worker_is_lost(error):
                raise
        time.sleep(pause)


def _worker_is_lost(error):
    if _servers_in(error) or "/job:worker/" not in str(error):
        return False
    if isinstance(error, tf.errors.InvalidArgumentError):
        return "remote_handle" in str(error) or "unknown device" in str(error).lower()
    return True


def _servers_in(error):
    """Numbers, as text, of the parameter servers that an error names."""
    return re.findall(r"/job:ps/replica:\d+/task:(\d+)", str(error))


def workers_begun(step, delay, workers):
    """How many of the workers may train: the k-th, from 0, begins at step k * delay.

    `startup_delay_steps`: the first updates are the largest, and none of them is stale.
    """
    return workers if delay <= 0 else min(workers, 1 + int(step / delay))


def _refuse_several_gpus(strategy):
    if strategy.num_replicas_in_sync > 1:
        raise UserError(
            "a worker has several GPUs: start one worker for each of them "
            "(CUDA_VISIBLE_DEVICES)"
        )


def _worker_index():
    return tf.distribute.coordinator.experimental_get_current_worker_index()
