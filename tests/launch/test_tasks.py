"""Who is in the cluster, and what each is told."""

import json
import socket

import pytest

from od_api.launch import tasks
from od_api.training.tf_config import read_cluster


def named(plan):
    return [role.name for role in plan]


def test_parameter_servers_workers_and_a_chief_beside_them():
    plan = tasks.plan_roles(workers=3, ps=2, evaluator=True)
    workers = ["worker 0", "worker 1", "worker 2"]
    assert named(plan) == ["chief", *workers, "ps 0", "ps 1", "evaluator"]


def test_in_step_the_chief_is_one_of_the_workers():
    plan = tasks.plan_roles(workers=3, ps=0, evaluator=False)
    assert named(plan) == ["chief", "worker 0", "worker 1"]
    assert named(tasks.plan_roles(workers=1, ps=0, evaluator=False)) == ["chief"]


def test_addresses_are_free_and_different():
    plan = tasks.plan_roles(workers=8, ps=8, evaluator=True)
    addresses = [role.address for role in plan if role.trains]
    assert len(set(addresses)) == 17
    assert plan[-1].address == ""
    for address in addresses:
        host, port = address.split(":")
        with socket.socket() as listener:
            listener.bind((host, int(port)))


def test_a_port_in_use_is_passed_over(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr(tasks, "_PORTS", range(port, port + 1))
        monkeypatch.setattr(tasks, "_first_outgoing_port", lambda: port + 1)
        with pytest.raises(tasks.UserError, match="only 0 free ports, not 1"):
            tasks.free_ports(1)


def test_ports_lie_below_those_of_outgoing_connections():
    first = tasks._first_outgoing_port()
    assert all(10000 <= port < first for port in tasks.free_ports(50))


@pytest.mark.parametrize("ps", [0, 2])
def test_every_role_reads_its_own_task(ps):
    """What the launcher writes is what training reads."""
    plan = tasks.plan_roles(workers=2, ps=ps, evaluator=True)
    for role in plan:
        text = tasks.tf_config(plan, role)
        cluster = read_cluster({"TF_CONFIG": text})
        assert (cluster.task_type, cluster.task_index) == (role.kind, role.index)
        assert cluster.has_parameter_servers == bool(ps)
        assert "evaluator" not in json.loads(text)["cluster"]
        if role.trains:
            assert cluster.jobs[role.kind][role.index] == role.address
