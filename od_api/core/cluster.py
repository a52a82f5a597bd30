"""Who takes part in a distributed run, as the environment variable TF_CONFIG says.

{"cluster": {"chief": ["10.0.0.1:2222"], "worker": [...], "ps": [...]},
 "task": {"type": "worker", "index": 0}}
"""

import dataclasses
import json
import os
import socket
import time

from absl import logging

from od_api.core.config import nearest
from od_api.core.errors import UserError

_JOBS = ("chief", "worker", "ps", "evaluator")
_PROBE_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The tasks of a run and which of them this process is.

    Attributes:
      jobs: {"chief": [address], "worker": [address, ...], "ps": [address, ...]}.
      task_type: "chief", "worker", "ps" or "evaluator".
      task_index: its number among those of its type.
    """

    jobs: dict
    task_type: str
    task_index: int = 0

    @property
    def has_parameter_servers(self):
        """Whether workers send their gradients to servers, each at its own pace."""
        return bool(self.jobs.get("ps"))

    @property
    def trains_in_step(self):
        """Whether several processes train in step."""
        trainers = [*self.jobs.get("chief", ()), *self.jobs.get("worker", ())]
        return not self.has_parameter_servers and len(trainers) > 1

    @property
    def is_chief(self):
        """Whether this process saves, logs and evaluates."""
        first = "chief" if self.jobs.get("chief") else "worker"
        return self.task_type == first and self.task_index == 0

    def addresses(self, *types):
        """{"worker 0": "host:port"} of all tasks of these types."""
        return {
            f"{kind} {i}": address
            for kind in types
            for i, address in enumerate(self.jobs.get(kind, ()))
        }

    def others(self):
        """{"worker 0": "host:port"} of all tasks but this one."""
        own = f"{self.task_type} {self.task_index}"
        addresses = self.addresses("chief", "worker", "ps")
        return {name: a for name, a in addresses.items() if name != own}


def read_cluster(environment=None):
    """The Cluster of TF_CONFIG, or None where it names no cluster.

    Args:
      environment: instead of os.environ.

    Raises:
      UserError: TF_CONFIG is not what it should be; the message says where.
    """
    text = (os.environ if environment is None else environment).get("TF_CONFIG")
    if not text:
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise UserError(f"TF_CONFIG is not JSON: {error}") from error
    if not isinstance(config, dict) or not config.get("cluster"):
        return None
    jobs = _jobs(config["cluster"])
    task = config.get("task")
    if not isinstance(task, dict) or "type" not in task:
        raise UserError('TF_CONFIG has no "task": say {"type": "worker", "index": 0}')
    kind, index = _task(task, jobs)
    cluster = Cluster(jobs, kind, index)
    if cluster.has_parameter_servers and len(jobs.get("chief", ())) != 1:
        raise UserError(
            "TF_CONFIG: a cluster with parameter servers has exactly one chief, "
            f"not {len(jobs.get('chief', ()))}"
        )
    if cluster.has_parameter_servers and not jobs.get("worker"):
        raise UserError("TF_CONFIG: a cluster with parameter servers needs workers")
    return cluster


def wait_until_reachable(addresses, seconds):
    """Returns when every address accepts connections.

    Args:
      addresses: {name: "host:port"}.
      seconds: how long to wait for the last of them.

    Raises:
      UserError: some do not; the message names all of these.
    """
    deadline = time.monotonic() + seconds
    missing, said = dict(addresses), False
    while missing:
        missing = {n: a for n, a in missing.items() if not accepts(a)}
        if not missing:
            return
        if time.monotonic() >= deadline:
            raise UserError(
                f"cannot reach {_listed(missing)} (tried for {seconds:g} s): start "
                "these tasks, or correct their addresses in TF_CONFIG"
            )
        if not said:
            logging.info("waiting for %s", _listed(missing))
            said = True
        time.sleep(0.5)


def accepts(address):
    """Whether somebody listens at "host:port"."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _PROBE_SECONDS):
            return True
    except OSError:
        return False


def _listed(addresses):
    return ", ".join(f"{name} ({address})" for name, address in addresses.items())


def _jobs(cluster):
    jobs = {}
    for kind, addresses in cluster.items():
        if kind == "master":
            kind = "chief"
        if kind not in _JOBS:
            raise UserError(
                f"TF_CONFIG: cluster has the task type {kind!r}; {nearest(kind, _JOBS)}"
            )
        addresses = [addresses] if isinstance(addresses, str) else list(addresses)
        for address in addresses:
            host, colon, port = str(address).rpartition(":")
            if not (host and colon and port.isdigit()):
                raise UserError(
                    f"TF_CONFIG: {kind} has the address {address!r}: write host:port"
                )
        jobs[kind] = addresses
    taken = [a for addresses in jobs.values() for a in addresses]
    twice = sorted({a for a in taken if taken.count(a) > 1})
    if twice:
        raise UserError(f"TF_CONFIG: {twice[0]} is the address of two tasks")
    return jobs


def _task(task, jobs):
    kind = "chief" if task["type"] == "master" else task["type"]
    if kind not in _JOBS:
        raise UserError(f"TF_CONFIG: task has type {kind!r}; {nearest(kind, _JOBS)}")
    index = int(task.get("index", 0))
    count = len(jobs.get(kind, ()))
    # An evaluator trains nothing, and a cluster need not list it.
    if kind != "evaluator" and not 0 <= index < count:
        raise UserError(
            f"TF_CONFIG: task is {kind} {index}, but the cluster has {count} of them"
        )
    return kind, index
