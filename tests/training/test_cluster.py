"""Who is who in a cluster."""

import pytest

from od_api.training.cluster import Cluster

SERVERS = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "ps": ["d:1"]}
IN_STEP = {"worker": ["b:1", "c:1"]}


@pytest.mark.parametrize(
    ("jobs", "servers", "in_step"),
    [
        (SERVERS, True, False),
        (IN_STEP, False, True),
        ({"chief": ["a:1"], "worker": ["b:1"]}, False, True),
        ({"worker": ["b:1"]}, False, False),
        ({"chief": ["a:1"]}, False, False),
        ({"worker": ["b:1", "c:1"], "ps": []}, False, True),
    ],
)
def test_how_a_cluster_trains(jobs, servers, in_step):
    cluster = Cluster(jobs, "worker")
    assert (cluster.has_parameter_servers, cluster.trains_in_step) == (servers, in_step)


@pytest.mark.parametrize(
    ("jobs", "task", "chief"),
    [
        (SERVERS, ("chief", 0), True),
        # Where there is a chief, worker 0 is none.
        (SERVERS, ("worker", 0), False),
        (SERVERS, ("ps", 0), False),
        (IN_STEP, ("worker", 0), True),
        (IN_STEP, ("worker", 1), False),
        (IN_STEP, ("evaluator", 0), False),
    ],
)
def test_one_is_chief(jobs, task, chief):
    assert Cluster(jobs, *task).is_chief is chief


def test_addresses():
    cluster = Cluster(SERVERS, "worker", 1)
    assert cluster.own_address == "c:1"
    assert cluster.addresses("ps", "worker") == {
        "ps 0": "d:1",
        "worker 0": "b:1",
        "worker 1": "c:1",
    }
    assert cluster.addresses("evaluator") == {}
    assert cluster.others() == {"chief 0": "a:1", "worker 0": "b:1", "ps 0": "d:1"}


def test_an_evaluator_has_no_address_and_all_are_others():
    cluster = Cluster(IN_STEP, "evaluator")
    assert cluster.own_address is None
    assert cluster.others() == {"worker 0": "b:1", "worker 1": "c:1"}
