import json
import logging

import pytest

from od_api.core import worker_monitor
from od_api.core.worker_monitor import WorkerMonitor


@pytest.fixture
def clock(monkeypatch):
    """A list of one number: the time."""
    now = [100.0]
    monkeypatch.setattr(worker_monitor.time, "monotonic", lambda: now[0])
    return now


def monitor(silent_seconds=45):
    watching = WorkerMonitor(["a:1", "b:1"], 4, 100, silent_seconds)
    watching.started()
    return watching


def test_a_worker_that_ends_and_one_that_is_stuck(clock, monkeypatch, caplog):
    """Worker 0 goes on; nobody answers for worker 1 at first, then it answers."""
    caplog.set_level(logging.INFO, logger="absl")
    watching = monitor()
    monkeypatch.setattr(worker_monitor, "accepts", lambda address: False)
    clock[0] += 46
    watching.finished(0, 0)
    watching.look(1)
    assert "worker 1 (b:1) is gone" in caplog.text
    watching.finished(1, 0)
    assert "worker 1 is back" in caplog.text
    monkeypatch.setattr(worker_monitor, "accepts", lambda address: True)
    clock[0] += 50
    watching.finished(0, 0)
    watching.look(2)
    assert "worker 1 (b:1) has finished no step for 50 s" in caplog.text
    assert "worker 0" not in caplog.text


def test_a_worker_is_reported_once(clock, monkeypatch, caplog):
    monkeypatch.setattr(worker_monitor, "accepts", lambda address: True)
    watching = monitor()
    for _ in range(3):
        clock[0] += 50
        watching.look(1)
    assert caplog.text.count("worker 1 (b:1)") == 1


def test_rests_do_not_count(clock, monkeypatch, caplog):
    """30 s of work, a checkpoint of 60 s, 20 s of work: worker 1 is silent for 50 s."""
    monkeypatch.setattr(worker_monitor, "accepts", lambda address: True)
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
