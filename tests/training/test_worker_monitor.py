import json
import logging

import pytest

from od_api.training import worker_monitor
from od_api.training.worker_monitor import WorkerMonitor


@pytest.fixture
def clock(monkeypatch):
    """A list of one number: the time."""
    now = [100.0]
    monkeypatch.setattr(worker_monitor.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def processes(monkeypatch):
    """{address: "runs", "stopped" or "gone"}, as probes find them."""
    found = {"a:1": "runs", "b:1": "runs"}
    monkeypatch.setattr(worker_monitor, "accepts", lambda a: found[a] != "gone")
    monkeypatch.setattr(worker_monitor, "answers", lambda a: found[a] == "runs")
    monkeypatch.setattr(worker_monitor, "is_stuck", lambda a: found[a] == "stopped")
    return found


def monitor(silent_seconds=45):
    watching = WorkerMonitor(["a:1", "b:1"], 4, 100, silent_seconds)
    watching.started()
    return watching


def test_a_worker_that_ends_and_one_that_is_stuck(clock, processes, caplog):
    """Worker 0 goes on; nobody answers for worker 1 at first, then it answers."""
    caplog.set_level(logging.INFO, logger="absl")
    watching = monitor()
    processes["b:1"] = "gone"
    clock[0] += 46
    watching.finished(0, 0)
    watching.look(1)
    assert "worker 1 (b:1) is gone" in caplog.text
    watching.finished(1, 0)
    assert "worker 1 is back" in caplog.text
    processes["b:1"] = "runs"
    clock[0] += 50
    watching.finished(0, 0)
    watching.look(2)
    says = "worker 1 (b:1) has finished no step for 50 s although it answers"
    assert says in caplog.text
    processes["b:1"] = "stopped"
    watching.finished(1, 0)
    clock[0] += 50
    watching.finished(0, 0)
    watching.look(2)
    says = "worker 1 (b:1) has finished no step for 50 s and does not answer"
    assert says in caplog.text
    assert "worker 0" not in caplog.text


def test_a_worker_is_reported_once(clock, processes, caplog):
    watching = monitor()
    for _ in range(3):
        clock[0] += 50
        watching.look(1)
    assert caplog.text.count("worker 1 (b:1)") == 1


def test_a_silent_worker_that_ends(clock, processes, caplog):
    watching = monitor()
    clock[0] += 46
    watching.finished(0, 0)
    watching.look(1)
    assert "worker 1 (b:1) has finished no step" in caplog.text
    processes["b:1"] = "gone"
    clock[0] += 44
    watching.finished(0, 0)
    watching.look(2)
    assert "gone" not in caplog.text
    clock[0] += 1
    watching.look(3)
    assert "worker 1 (b:1) is gone" in caplog.text


def test_rests_do_not_count(clock, processes, caplog):
    """30 s of work, a checkpoint of 60 s, 20 s of work: worker 1 is silent for 50 s."""
    watching = monitor()
    clock[0] += 30
    watching.finished(0, 0)
    watching.rests()
    clock[0] += 60
    watching.look(1)
    assert not caplog.text
    watching.started()
    clock[0] += 20
    watching.look(1)
    assert "worker 1 (b:1) has finished no step for 50 s" in caplog.text
    assert "worker 0" not in caplog.text


def test_a_worker_with_nothing_to_do_is_not_silent_unless_stopped(
    clock, processes, caplog
):
    """Not every worker has a step; one that was given out does not come back."""
    watching = WorkerMonitor(["a:1", "b:1"], 4, 100, 45)
    watching.rests()
    clock[0] += 60
    watching.look(0, waited=44.0)
    processes["b:1"] = "stopped"
    watching.look(0, waited=44.0)
    assert not caplog.text
    watching.look(0, waited=60.0)
    assert "worker 1 (b:1) has finished no step for 1 min 00 s and does" in caplog.text
    assert "worker 0" not in caplog.text
    assert watching.num_silent() == 1


def test_workers_are_not_asked_all_the_time(clock, monkeypatch, processes):
    asked = []
    monkeypatch.setattr(worker_monitor, "accepts", lambda a: asked.append(a) or True)
    watching = WorkerMonitor(["a:1", "b:1"], 4, 100, 45)
    for waited in range(46, 100):
        clock[0] = 100.0 + waited
        watching.look(0, waited=waited)
    assert asked == ["a:1", "b:1", "a:1", "b:1"]


def test_others_can_take_a_step_only_if_there_are_others(clock, processes):
    watching = monitor()
    assert watching.num_silent() == 0
    clock[0] += 50
    watching.look(1)
    assert watching.num_silent() == 0  # Both are.
    watching.finished(0, 0)
    assert watching.num_silent() == 1


def test_some_are_stuck_before_they_are_reported(clock, processes):
    watching = monitor()
    assert not watching.some_are_stuck()
    processes["b:1"] = "stopped"
    assert watching.some_are_stuck()
    processes["b:1"] = "runs"
    clock[0] += 50
    watching.look(1)
    assert watching.some_are_stuck()


@pytest.mark.parametrize("seconds", [0, -1, float("inf")])
def test_nobody_is_reported(seconds, clock, processes, caplog):
    watching = monitor(silent_seconds=seconds)
    processes["b:1"] = "stopped"
    clock[0] += 1e9
    watching.look(1, waited=1e9)
    assert not caplog.text
    assert watching.num_silent() == 0


def test_staleness_since_the_last_time(clock):
    """Of 0, 1, 2, 3, 4 the mean is 2, and 95 % lie below 3.8."""
    watching = monitor()
    for value in range(5):
        watching.finished(0, value)
    assert watching.staleness() == pytest.approx(
        {"staleness_mean": 2.0, "staleness_p95": 3.8}
    )
    assert watching.staleness() == {}


def test_status_file(clock, monkeypatch, tmp_path):
    """Three steps of 4 images, the last two of them within 4 seconds."""
    path = tmp_path / "status.json"
    monkeypatch.setenv("OD_API_CLUSTER_STATUS", str(path))
    watching = monitor()
    for worker in (0, 0, 1):
        watching.finished(worker, worker)
        clock[0] += 2
    clock[0] -= 2
    watching.look(3)
    status = json.loads(path.read_text())
    assert status["step"] == 3 and status["last_step"] == 100
    assert status["images_per_second"] == 2.0
    assert status["workers"] == [
        {"steps": 2, "images_per_second": 1.0, "state": "training"},
        {"steps": 1, "images_per_second": 1.0, "state": "training"},
    ]
    clock[0] += 1
    watching.finished(0, 0)
    watching.look(4)
    assert json.loads(path.read_text())["step"] == 3
    watching.look(100)
    assert json.loads(path.read_text())["step"] == 100
