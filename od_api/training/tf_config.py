"""Reading the environment variable TF_CONFIG, which says who takes part in a run.

{"cluster": {"chief": ["10.0.0.1:2222"], "worker": [...], "ps": [...]},
 "task": {"type": "worker", "index": 0}}
"""

import ipaddress
import os
import re

from od_api.config.loading import nearest
from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.system.json_files import parse_json
from od_api.training.cluster import Cluster

_JOBS = ("chief", "worker", "ps", "evaluator")
_ADDRESS = re.compile(
    r"(\[(?P<six>[^\[\]]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[^:]*)"
)
_PORT = re.compile(r"0*[0-9]{1,5}")
_MOST_SHOWN = 60


def read_cluster(environment=None):
    """The Cluster of TF_CONFIG, or None where it names no cluster.

    Args:
      environment: instead of os.environ.

    Raises:
      UserError: TF_CONFIG is not what it should be; the message says where.
    """
    text = (os.environ if environment is None else environment).get("TF_CONFIG")
    if not text or not text.strip():
        return None
    config = parse_json(text, "TF_CONFIG", "description of the cluster")
    _require(dict, config, "the whole", 'an object, {"cluster": ..., "task": ...}')
    if config.get("cluster", {}) == {}:
        return None
    jobs = _jobs(config["cluster"])
    if "task" not in config:
        raise UserError('TF_CONFIG has no "task": say {"type": "worker", "index": 0}')
    kind, index = _task(config["task"], jobs)
    _check_jobs(jobs)
    return Cluster(jobs, kind, index)


def _jobs(cluster):
    example = 'an object, {"worker": ["host:port"]}'
    _require(dict, cluster, '"cluster"', example)
    jobs = {}
    for kind, addresses in cluster.items():
        place = f'"cluster", {_shown(kind)}'
        kind = _kind(kind, '"cluster" has')
        if kind in jobs:
            raise UserError('TF_CONFIG: "master" is an old name of "chief": keep one')
        addresses = [addresses] if isinstance(addresses, str) else addresses
        _require(list, addresses, place, 'a list, ["host:port"]')
        jobs[kind] = [_address(a, f"{place}[{i}]") for i, a in enumerate(addresses)]
    taken = [a for addresses in jobs.values() for a in addresses]
    twice = sorted({a for a in taken if taken.count(a) > 1})
    if twice:
        raise UserError(f"TF_CONFIG: {twice[0]} is the address of two tasks")
    return jobs


def _address(address, place):
    """The address as it was, if it is one."""
    _require(str, address, place, 'text, "host:port"')
    shown = f"TF_CONFIG: {place} is {_shown(address)}"
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        cure = "write host:port"
        if address.count(":") > 1:
            cure += ", and an address of IPv6 in brackets, [::1]:2222"
        raise UserError(f"{shown}: {cure}")
    if parts["six"] and not _is_ip6(parts["six"]):
        raise UserError(f"{shown}: in the brackets is no address of IPv6")
    port = parts["port"]
    if not (_PORT.fullmatch(port) and 1 <= int(port) <= 65535):
        raise UserError(f"{shown}: a port is a number from 1 to 65535")
    return address


def _is_ip6(text):
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _task(task, jobs):
    _require(dict, task, '"task"', 'an object, {"type": "worker", "index": 0}')
    if "type" not in task:
        raise UserError('TF_CONFIG: "task" has no "type": say "worker" or another')
    kind, index = _kind(task["type"], '"task" has type'), task.get("index", 0)
    # True is an int to Python.
    if isinstance(index, bool) or not isinstance(index, int):
        raise UserError(
            f'TF_CONFIG: "task" has index {_shown(index)}: write a whole number, from 0'
        )
    count = len(jobs.get(kind, ()))
    # An evaluator trains nothing, and a cluster need not list it.
    listed = kind != "evaluator" or count
    if index < 0 or (listed and index >= count):
        raise UserError(
            f"TF_CONFIG: task is {kind} {_shown(index)}, but the cluster has {count} "
            "of them, numbered from 0"
        )
    return kind, index


def _kind(kind, has):
    """The name of a task type."""
    known = "chief" if kind == "master" else kind
    if not isinstance(kind, str) or known not in _JOBS:
        cure = nearest(kind, _JOBS) if isinstance(kind, str) else "write text"
        raise UserError(f"TF_CONFIG: {has} {_shown(kind)}; {cure}")
    return known


def _check_jobs(jobs):
    chiefs, workers = len(jobs.get("chief", ())), len(jobs.get("worker", ()))
    if chiefs > 1 or (jobs.get("ps") and not chiefs):
        kind = " with parameter servers" if jobs.get("ps") else ""
        raise UserError(
            f"TF_CONFIG: a cluster{kind} has exactly one chief, not {chiefs}"
        )
    if jobs.get("ps") and not workers:
        raise UserError("TF_CONFIG: a cluster with parameter servers needs workers")
    if not (chiefs or workers):
        raise UserError('TF_CONFIG: "cluster" has neither a chief nor a worker')


def _require(kind, value, place, example):
    if not isinstance(value, kind):
        raise UserError(f"TF_CONFIG: {place} is {_shown(value)}: write {example}")


def _shown(value):
    """A value as JSON has it, safe to print and not too long."""
    words = {None: "null", True: "true", False: "false"}
    is_word = value is None or isinstance(value, bool)
    text = words[value] if is_word else printable(repr(value))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
