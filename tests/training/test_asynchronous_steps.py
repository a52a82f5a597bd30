"""Which steps are handed out and waited for, with workers that are only threads."""

import collections
import queue
import types

import pytest

from od_api.training import asynchronous, departure, worker_monitor
from od_api.training.asynchronous import AsynchronousSteps
from od_api.training.loss_watch import LossWatch
from od_api.training.worker_monitor import WorkerMonitor


class Cluster(AsynchronousSteps):
    """Steps for two workers that this test plays, and a clock that it sets.

    `hands` are the lanes given out and not finished, the oldest first.
    """

    def __init__(self, step=0, delay=0):
        self.saved = []
        self._coordinator, self._watch = "a coordinator", LossWatch()
        self._state = types.SimpleNamespace(
            step_variable=types.SimpleNamespace(assign=self.saved.append)
        )
        jobs = {"worker": ["a:1", "b:1"]}
        self._cluster = types.SimpleNamespace(jobs=jobs, watch=None)
        self._delay, self._step = delay, step
        self._tickets, self._free = [0] * 4, [0, 1, 2, 3]
        self._late, self._last_finished = collections.deque(), -1.0
        self._monitor = WorkerMonitor(["a:1", "b:1"], 1, 100, 45)
        self._inbox, self.results = self, queue.SimpleQueue()
        self.hands = []

    def put(self, item):
        self.hands.append(item[0])

    def finish(self, worker, index=0):
        """A worker finishes the lane that is number `index` of those in hand."""
        result = {
            "worker": worker,
            "staleness": 0,
            "losses": {"total_loss": 1.0},
            "source_ids": [],
        }
        self.results.put((self.hands.pop(index), result))


@pytest.fixture
def clock(monkeypatch):
    """A list of one number: the time. Worker 1 is stopped, worker 0 answers."""
    now = [100.0]
    monkeypatch.setattr(departure, "_kept", [])
    for module in (worker_monitor, asynchronous):
        fake = types.SimpleNamespace(monotonic=lambda: now[0])
        monkeypatch.setattr(module, "time", fake)
    monkeypatch.setattr(asynchronous, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(worker_monitor, "accepts", lambda address: True)
    monkeypatch.setattr(worker_monitor, "answers", lambda address: address == "a:1")
    monkeypatch.setattr(worker_monitor, "is_stuck", lambda address: address == "b:1")
    return now


def drive(cluster, goal, actions):
    """Steps yielded on the way to the goal; an action each time nothing comes."""
    actions = iter(actions)
    steps = []
    queued = cluster.results

    def get_or_act(timeout):
        try:
            return queued.get(timeout=timeout)
        except queue.Empty:
            next(actions)()
            raise

    cluster._outbox = types.SimpleNamespace(get=get_or_act)
    for finished in cluster.until(goal):
        steps.append(finished.step)
    return steps


def later(clock, seconds):
    def act():
        clock[0] += seconds

    return act


def test_a_stopped_worker_does_not_hold_up_the_goal(clock):
    """Of 3 steps it keeps the first. Another is given out in its place, and done."""
    cluster = Cluster()
    work = lambda: cluster.finish(0, 1)  # noqa: E731
    steps = drive(cluster, 3, [work, work, later(clock, 46), work])
    assert steps == [1, 2, 3]
    assert cluster.saved == [3]
    assert len(cluster.hands) == 1  # The stopped one's.
    assert departure._kept == ["a coordinator"]
    # It goes on: its step counts, too, and the last goal needs one less.
    late = lambda: cluster.finish(1, 0)  # noqa: E731
    work = lambda: cluster.finish(0, 0)  # noqa: E731
    assert drive(cluster, 6, [late, work, work, work]) == [4, 5, 6]
    assert drive(cluster, 8, [work]) == [7, 8]
    assert cluster.saved == [3, 6, 8]
    assert cluster.hands == []
    assert sorted(cluster._free) == [0, 1, 2, 3]


def test_a_late_step_counts_at_once_where_steps_are_missing(clock):
    cluster = Cluster()
    work = lambda: cluster.finish(0, 1)  # noqa: E731
    late = lambda: cluster.finish(1, 0)  # noqa: E731
    actions = [later(clock, 30), work, later(clock, 16), work, late]
    assert drive(cluster, 9, [*actions, *[lambda: cluster.finish(0)] * 9]) == [
        *range(1, 10)
    ]
    assert cluster.hands == []


def test_a_late_step_that_is_one_too_many_waits_for_the_next_goal(clock):
    """It comes while the step in its place is in hand, the last one to the goal."""
    cluster = Cluster()
    work = lambda: cluster.finish(0, 1)  # noqa: E731
    late = lambda: cluster.finish(1, 0)  # noqa: E731
    last = lambda: cluster.finish(0, 0)  # noqa: E731
    assert drive(cluster, 2, [work, later(clock, 46), late, last]) == [1, 2]
    assert cluster.saved == [2]
    assert cluster.hands == []
    assert drive(cluster, 3, []) == [3]


def test_the_first_step_of_all_in_the_hands_of_a_stopped_worker(clock):
    """With startup_delay_steps one worker begins alone."""
    cluster = Cluster(delay=10)
    work = lambda: cluster.finish(0, 1)  # noqa: E731
    assert drive(cluster, 2, [later(clock, 46), work, work]) == [1, 2]
    assert len(cluster.hands) == 1


def test_a_worker_that_hangs_but_answers_does_not_hold_up_the_goal(clock, monkeypatch):
    """The other one, which has nothing else to do, takes the last step."""
    monkeypatch.setattr(worker_monitor, "answers", lambda address: True)
    cluster = Cluster()
    work = lambda: cluster.finish(0, 1)  # noqa: E731
    steps = drive(cluster, 2, [later(clock, 1), work, later(clock, 46), work])
    assert steps == [1, 2]
    assert len(cluster.hands) == 1


def test_the_only_worker_is_waited_for(clock):
    """Nobody else could take its step."""
    cluster = Cluster()
    cluster._cluster.jobs["worker"] = ["b:1"]
    cluster._monitor = WorkerMonitor(["b:1"], 1, 100, 45)
    last = lambda: cluster.finish(0, 0)  # noqa: E731
    assert drive(cluster, 1, [later(clock, 1000), last]) == [1]
    assert cluster.hands == []
