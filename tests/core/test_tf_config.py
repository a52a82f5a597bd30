"""TF_CONFIG: what it says, and what is wrong with it."""

import json
import socket

import pytest

from od_api.core.cluster import accepts, read_cluster, wait_until_reachable
from od_api.core.errors import UserError

_SERVERS = {"chief": ["a:1"], "worker": ["b:1", "b:2"], "ps": ["c:1"]}


def read(cluster, **task):
    config = {"cluster": cluster, "task": task}
    return read_cluster({"TF_CONFIG": json.dumps(config)})


def test_nothing_without_a_cluster():
    assert read_cluster({}) is None
    assert read_cluster({"TF_CONFIG": "{}"}) is None
    assert read_cluster({"TF_CONFIG": '{"cluster": {}}'}) is None


def test_roles_of_an_asynchronous_cluster():
    worker = read(_SERVERS, type="worker", index=1)
    assert worker.has_parameter_servers and not worker.trains_in_step
    assert not worker.is_chief
    assert read(_SERVERS, type="chief").is_chief
    assert worker.addresses("worker", "ps") == {
        "worker 0": "b:1",
        "worker 1": "b:2",
        "ps 0": "c:1",
    }
    assert set(worker.others()) == {"chief 0", "worker 0", "ps 0"}


def test_worker_0_is_chief_where_there_is_none():
    workers = {"worker": ["a:1", "b:1"]}
    assert read(workers, type="worker", index=0).is_chief
    assert not read(workers, type="worker", index=1).is_chief
    assert read(workers, type="worker", index=1).trains_in_step
    assert not read({"worker": ["a:1"]}, type="worker", index=0).trains_in_step


def test_an_evaluator_is_not_listed():
    assert read(_SERVERS, type="evaluator").task_type == "evaluator"


def test_master_is_an_old_name_of_chief():
    cluster = read({"master": ["a:1"], "worker": ["b:1"]}, type="master")
    assert cluster.is_chief and cluster.jobs["chief"] == ["a:1"]


@pytest.mark.parametrize(
    ("cluster", "task", "says"),
    [
        ({"workers": ["a:1"]}, {"type": "worker"}, "did you mean worker"),
        (_SERVERS, {"type": "cheif"}, "did you mean chief"),
        (_SERVERS, {"type": "worker", "index": 2}, "worker 2, but the cluster has 2"),
        (_SERVERS, {}, 'has no "task"|task'),
        ({"worker": ["a"]}, {"type": "worker"}, "write host:port"),
        ({"worker": ["a:1", "a:1"]}, {"type": "worker"}, "address of two tasks"),
        ({"worker": ["a:1"], "ps": ["b:1"]}, {"type": "ps"}, "exactly one chief"),
        ({"chief": ["a:1"], "ps": ["b:1"]}, {"type": "ps"}, "needs workers"),
    ],
)
def test_mistakes_are_named(cluster, task, says):
    with pytest.raises(UserError, match=says):
        read(cluster, **task)


def test_not_json():
    with pytest.raises(UserError, match="TF_CONFIG is not JSON"):
        read_cluster({"TF_CONFIG": "{cluster}"})


def test_reachable_and_not():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        assert accepts(address)
        wait_until_reachable({"worker 0": address}, 1)
    with pytest.raises(UserError, match=f"worker 0 .{address}.*tried for 0.1 s"):
        wait_until_reachable({"worker 0": address}, 0.1)
