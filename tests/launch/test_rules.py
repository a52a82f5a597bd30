"""What is done when a process ends, without processes."""

import signal

import pytest

from od_api.launch import processes, rules
from od_api.launch.tasks import plan_roles


class FakeMember:
    """A member that notes what is asked of it."""

    def __init__(self, role):
        self.role = role
        self.pid, self.is_expected, self.restarts = 1, True, 0

    def die(self):
        self.pid, self.is_expected = None, False

    def start_later(self):
        self.is_expected = True
        self.restarts += 1
        return 2.0

    def end(self):
        self.die()

    def check(self):
        return None


class Cluster:
    """Members by name, their rules, and what these have said."""

    def __init__(self, ps, evaluator=True, restarts=1, grace=600.0):
        roles = plan_roles(2, ps, evaluator)
        self.members = {role.name: FakeMember(role) for role in roles}
        self.said = []
        make = rules.AsynchronousRules if ps else rules.SynchronousRules
        self.rules = make(
            list(self.members.values()), self.said.append, restarts, grace
        )

    def ended(self, name, status):
        self.members[name].die()
        self.rules.ended(self.members[name], status)
        return self.rules.result()

    def restarts(self):
        return {name: m.restarts for name, m in self.members.items() if m.restarts}


@pytest.mark.parametrize("status", [0, 1, 2, -signal.SIGKILL, -signal.SIGSEGV])
def test_worker_starts_again_however_it_ended(status):
    cluster = Cluster(ps=1)
    assert cluster.ended("worker 1", status) is None
    assert cluster.restarts() == {"worker 1": 1}


def test_chief_with_a_status_is_the_end():
    for status in (1, 2):
        cluster = Cluster(ps=1)
        assert cluster.ended("chief", status) == status
        assert cluster.restarts() == {}


def test_chief_done_without_an_evaluator():
    assert Cluster(ps=1, evaluator=False).ended("chief", 0) == 0


def test_chief_done_after_the_evaluator():
    cluster = Cluster(ps=1)
    assert cluster.ended("evaluator", 0) is None
    assert cluster.restarts() == {}
    assert cluster.ended("chief", 0) == 0


@pytest.mark.parametrize(("status", "again"), [(0, 0), (2, 0), (1, 1), (-9, 1)])
def test_evaluator_that_ends_after_the_chief(status, again):
    """Killed, it is started again for the last checkpoint; bad input stays bad."""
    cluster = Cluster(ps=1)
    assert cluster.ended("chief", 0) is None
    assert cluster.ended("evaluator", status) == (None if again else 0)
    assert cluster.restarts() == ({"evaluator": 1} if again else {})


def test_workers_that_end_after_the_chief_are_left():
    cluster = Cluster(ps=1)
    cluster.ended("chief", 0)
    assert cluster.ended("worker 0", -signal.SIGABRT) is None
    assert cluster.restarts() == {}


def test_lost_parameter_server_starts_nothing_again():
    """Neither workers that fall with it nor a chief that crashes over it."""
    cluster = Cluster(ps=2)
    assert cluster.ended("ps 1", -signal.SIGKILL) is None
    assert cluster.ended("worker 0", -signal.SIGABRT) is None
    assert cluster.ended("chief", -signal.SIGABRT) == 2
    assert cluster.restarts() == {}
    assert "ps 1 was killed by SIGKILL: its variables are lost" in cluster.said[0]


def test_lost_parameter_server_and_a_chief_that_does_not_notice(monkeypatch):
    monkeypatch.setattr(rules, "_LOST_PS_SECONDS", -1.0)
    assert Cluster(ps=1).ended("ps 0", 0) == 2


def test_lost_parameter_server_after_the_last_step():
    cluster = Cluster(ps=1, evaluator=False)
    cluster.ended("ps 0", -signal.SIGKILL)
    assert cluster.ended("chief", 0) == 0


def test_in_step_all_start_again_but_the_evaluator():
    cluster = Cluster(ps=0)
    assert cluster.ended("worker 0", 1) is None
    assert cluster.restarts() == {"chief": 1, "worker 0": 1}
    assert cluster.ended("chief", 1) == 1
    assert cluster.restarts() == {"chief": 1, "worker 0": 1}


def test_in_step_the_last_ones_may_end(monkeypatch):
    cluster = Cluster(ps=0, evaluator=False)
    assert cluster.ended("chief", 0) is None
    assert cluster.ended("worker 0", 0) == 0
    monkeypatch.setattr(rules, "_LAST_ONES_SECONDS", -1.0)
    assert Cluster(ps=0, evaluator=False).ended("chief", 0) == 0


def test_in_step_evaluator_comes_back():
    cluster = Cluster(ps=0)
    assert cluster.ended("evaluator", 1) is None
    assert cluster.restarts() == {"evaluator": 1}


def test_pause_doubles_while_lives_are_short(monkeypatch):
    """2, 4, ... 60, 60; a life of a minute brings it back to 2."""
    member = processes.Member(None, None, None, None, None)
    now = [0.0]
    monkeypatch.setattr(processes.time, "monotonic", lambda: now[0])
    pauses = [member.start_later() for _ in range(7)]
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    now[0] = 61.0
    assert member.start_later() == 2.0


@pytest.mark.parametrize(
    ("status", "words", "shell"),
    [
        (3, "ended with status 3", 3),
        (-9, "was killed by SIGKILL", 137),
        (-40, "was killed by signal 40", 168),
    ],
)
def test_exit_statuses(status, words, shell):
    assert processes.how_it_ended(status) == words
    assert processes.exit_status(status) == shell
