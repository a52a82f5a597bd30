"""Steps of asynchronous training: workers take them at their own pace.

Each worker reads the weights from the parameter servers, computes the gradients of a
batch of its own and applies them, whatever the others have done meanwhile (Dean et al.,
Large Scale Distributed Deep Networks, NIPS 2012, Downpour SGD; the training of Huang et
al., CVPR 2017). An update is one fused op on the server that holds the variable, so
none is lost. A worker that dies is left out, and its step is taken by another; of that
one step some variables may have been updated already.
"""

import queue
import re
import threading
import time

import tensorflow as tf

from od_api.core.divergence import LossWatch
from od_api.core.errors import UserError
from od_api.core.lane_counter import LaneCounter
from od_api.core.printable import printable
from od_api.core.worker_monitor import WorkerMonitor
from od_api.step import numeric
from od_api.steps import FinishedStep

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
        if strategy.num_replicas_in_sync > 1:
            raise UserError(
                "a worker has several GPUs: start one worker for each of them "
                "(CUDA_VISIBLE_DEVICES)"
            )
        workers = cluster.jobs["worker"]
        self._state, self._strategy, self._cluster = state, strategy, cluster
        self._delay = settings.startup_delay_steps
        self._step = state.step
        self._watch = LossWatch()
        self._tickets = [0] * (_LANES_PER_WORKER * len(workers))
        with strategy.scope():
            self._counter = LaneCounter(state.step_variable, len(self._tickets))
        self._monitor = WorkerMonitor(
            workers, settings.batch_size, last_step, settings.worker_silence_seconds
        )
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
        self._batches = iter(
            self._coordinator.create_per_worker_dataset(
                tf.function(
                    lambda: make_dataset(_worker_index(), len(workers)),
                    autograph=False,
                )
            )
        )
        self._take_step = tf.function(self._worker_step, autograph=False)
        self._inbox, self._outbox = queue.SimpleQueue(), queue.SimpleQueue()
        for _ in self._tickets:
            threading.Thread(target=self._serve_lane, daemon=True).start()

    def until(self, last_step):
        """Yields a FinishedStep for each step up to `last_step`, in order of arrival.

        When it ends no step is in hand: the weights are those of exactly that step.

        Raises:
          TrainingDiverged: a loss is not finite, or grows without end.
          UserError: a parameter server is lost, or a worker cannot read its data.
        """
        remaining, in_hand = last_step - self._step, 0
        free = list(range(len(self._tickets)))
        while remaining or in_hand:
            if self._allowed() == len(self._tickets):
                self._monitor.started()
            while remaining and free and in_hand < self._allowed():
                lane = free.pop()
                self._tickets[lane] += 1
                self._inbox.put((lane, self._tickets[lane]))
                remaining, in_hand = remaining - 1, in_hand + 1
            self._monitor.look(self._step)
            try:
                lane, result = self._outbox.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(result, BaseException):
                raise self._explained(result)
            free.append(lane)
            in_hand -= 1
            yield self._finished(result)
        self._monitor.look(self._step)
        self._monitor.rests()
        self._counter.fold()
        self._tickets = [0] * len(self._tickets)

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


def _worker_index():
    return tf.distribute.coordinator.experimental_get_current_worker_index()
