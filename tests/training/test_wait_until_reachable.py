"""Waiting for the servers of a cluster."""

import pytest
from server_kit import listening

from od_api.core.errors import UserError
from od_api.training import server_probe
from od_api.training.cluster import wait_until_reachable


def test_servers_that_run(caplog):
    """It returns at once, and says nothing of a wait."""
    with listening() as first, listening() as second:
        addresses = {"worker 0": first, "ps 0": second}
        assert wait_until_reachable(addresses, 60) is None
    assert "waiting for" not in caplog.text


def test_a_server_that_is_stopped_or_gone(monkeypatch):
    monkeypatch.setattr(server_probe, "_PROBE_SECONDS", 0.05)
    with listening() as runs, listening(greets=False) as stopped:
        addresses = {"worker 0": runs, "worker 1": stopped, "ps 0": "127.0.0.1:1"}
        says = rf"worker 1 \({stopped}\), ps 0 \(127.0.0.1:1\) \(tried for 0.1 s\)"
        with pytest.raises(UserError, match=says):
            wait_until_reachable(addresses, 0.1)
