"""The process that names servers for which this one waits."""

import signal
import time

import pytest
from server_kit import listening

from od_api.training.server_watch import ServerWatch


def test_a_stopped_server_is_named_on_standard_error(capfd):
    said = ""
    with (
        listening(greets=False) as address,
        ServerWatch({"worker 1": address}, 0.01) as watch,
    ):
        deadline = time.monotonic() + 60
        while not said and time.monotonic() < deadline:
            said = capfd.readouterr().err
            time.sleep(0.05)
        watch.beat()
    assert said.startswith(f"WARNING: worker 1 ({address}) does not answer: it")
    assert watch._process.poll() is not None


@pytest.mark.parametrize("seconds", [0, -1])
def test_no_watch_without_time_or_servers(seconds):
    for watch in (ServerWatch({"worker 1": "a:1"}, seconds), ServerWatch({}, 45)):
        with watch:
            watch.beat()
        assert watch._process is None


def test_a_watch_that_was_killed_stops_nobody():
    with ServerWatch({"worker 1": "127.0.0.1:1"}, float("inf")) as watch:
        watch._process.send_signal(signal.SIGKILL)
        watch._process.wait()
        watch.beat()
        assert watch._process.returncode == -signal.SIGKILL
