"""Which role a process has by its TF_CONFIG."""

import json
import socket

import pytest
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.protos.train_pb2 import TrainConfig
from od_api.training.roles import own_cluster, trainer


def free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


@pytest.fixture
def cluster_as(monkeypatch):
    """`cluster_as(type)`: a Cluster of a chief, a worker and a server, seen by one."""
    cluster = {kind: [f"127.0.0.1:{free_port()}"] for kind in ("chief", "worker", "ps")}

    def own(kind):
        task = {"cluster": cluster, "task": {"type": kind, "index": 0}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(task))
        return own_cluster()

    return own


@pytest.mark.parametrize(
    ("kind", "serves", "evaluates"),
    [
        ("chief", False, False),
        ("worker", True, False),
        ("ps", True, False),
        ("evaluator", False, True),
    ],
)
def test_who_serves_and_who_evaluates(cluster_as, kind, serves, evaluates):
    cluster = cluster_as(kind)
    assert (cluster.is_server, cluster.is_evaluator) == (serves, evaluates)
    assert (cluster.own_address is None) == evaluates


def test_a_port_that_is_taken_is_refused(cluster_as):
    port = int(cluster_as("worker").own_address.split(":")[1])
    with socket.socket() as other:
        other.bind(("", port))
        other.listen()
        with pytest.raises(UserError, match=f"worker 0 .*port {port} is taken"):
            cluster_as("worker")
        assert cluster_as("evaluator").is_evaluator, "it listens nowhere"


def test_without_tf_config_one_process_does_all(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert own_cluster() is None
    with trainer(TrainConfig(), None) as (strategy, cluster):
        assert strategy is tf.distribute.get_strategy() and cluster is None
