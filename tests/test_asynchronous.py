"""Asynchronous training on a cluster of real processes."""

import json

import pytest
from cluster_kit import running

pytestmark = pytest.mark.slow

_STEPS = 1000


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """What models that count their updates say after 1000 steps of 3 workers."""
    folder = tmp_path_factory.mktemp("counts")
    result = folder / "result.json"
    optimizers = ["momentum", "adam", "rms_prop", "keras"]
    command = ["tests/count_updates.py", str(_STEPS), str(result), *optimizers]
    with running(folder, command, chief=1, worker=3, ps=2) as cluster:
        assert cluster.wait() == 0, cluster.log()
    return json.loads(result.read_text())


def test_every_scheduled_step_is_counted_once(counts):
    assert {c["step"] for c in counts.values()} == {_STEPS}
    assert all(c["finished"] for c in counts.values())


@pytest.mark.parametrize("optimizer", ["momentum", "rms_prop"])
def test_momentum_loses_no_update(counts, optimizer):
    """The slot counts them; the weight is 1 + 2 + ... + 1000."""
    assert counts[optimizer]["slots"]["momentum"] == _STEPS
    assert counts[optimizer]["weight"] == _STEPS * (_STEPS + 1) / 2


def test_adam_loses_no_update(counts):
    """The mean of ones with decay d is 1 - d^n; one update less would miss 3.7e-4."""
    assert counts["adam"]["slots"]["v"] == pytest.approx(1 - 0.999**_STEPS, abs=5e-5)


def test_keras_own_optimizer_loses_updates(counts):
    """What the fused ops are for: slots that are read, computed and assigned race."""
    assert counts["keras"]["slots"]["momentum"] < _STEPS


def test_staleness_is_measured(counts):
    """Of 3 workers at most 2 others and their next steps come between."""
    assert 0 < counts["momentum"]["staleness_mean"] < 6
    assert counts["momentum"]["staleness_p95"] >= 1
