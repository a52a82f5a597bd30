"""The roles of a cluster on this machine, and the TF_CONFIG of each."""

import json
import pathlib
import random
import socket
from typing import NamedTuple

from od_api.core.errors import UserError

_HOST = "127.0.0.1"
# Ports that need no privilege and lie below those which Linux gives to outgoing
# connections by default (32768 to 60999): none of these can then take a role's port
# while the role is being started again.
_PORTS = range(10000, 32768)
_TASKS = ("chief", "worker", "ps")


class Role(NamedTuple):
    """One task of the cluster.

    Attributes:
      kind: "chief", "worker", "ps" or "evaluator".
      index: its number among the roles of its kind.
      address: "host:port"; empty for the evaluator, whom nobody calls.
    """

    kind: str
    index: int
    address: str = ""

    @property
    def name(self):
        """As people say it: `chief`, `worker 1`, `ps 0`, `evaluator`."""
        alone = self.kind in ("chief", "evaluator")
        return self.kind if alone else f"{self.kind} {self.index}"

    @property
    def port(self):
        """Of its address; None for the evaluator."""
        return int(self.address.rsplit(":", 1)[1]) if self.address else None

    @property
    def trains(self):
        """Whether training cannot do without it for long."""
        return self.kind != "evaluator"


def plan_roles(workers, ps, evaluator):
    """The roles of a cluster, with free ports of this machine.

    Args:
      workers: processes that compute gradients. With parameter servers they are the
        workers, beside the chief; without, the chief is the first of them.
      ps: parameter servers; 0 for a cluster that trains in step.
      evaluator: whether there is one.

    Returns:
      Roles: chief, workers, ps, evaluator.
    """
    others = workers if ps else workers - 1
    kinds = ["chief"] + ["worker"] * others + ["ps"] * ps
    ports = free_ports(len(kinds))
    roles = [
        Role(kind, kinds[:i].count(kind), f"{_HOST}:{port}")
        for i, (kind, port) in enumerate(zip(kinds, ports, strict=True))
    ]
    return roles + [Role("evaluator", 0)] * bool(evaluator)


def tf_config(roles, role):
    """The JSON text of TF_CONFIG for one of the roles."""
    cluster = {
        kind: [r.address for r in roles if r.kind == kind]
        for kind in _TASKS
        if any(r.kind == kind for r in roles)
    }
    task = {"type": role.kind, "index": role.index}
    return json.dumps({"cluster": cluster, "task": task})


def free_ports(count):
    """`count` different ports of the loopback interface that nobody listens at.

    Raises:
      UserError: there are not so many.
    """
    candidates = [port for port in _PORTS if port < _first_outgoing_port()]
    # Side by side where they are free: one rule of a firewall names them all.
    first = random.Random().randrange(max(len(candidates) - count, 0) + 1)
    found = []
    for port in candidates[first:] + candidates[:first]:
        if len(found) == count:
            break
        with socket.socket() as probe:
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
        found.append(port)
    if len(found) < count:
        raise UserError(f"this machine has only {len(found)} free ports, not {count}")
    return found


def _first_outgoing_port():
    """The lower end of the range that Linux uses, where it is above ours."""
    try:
        text = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
        first = int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return _PORTS.stop
    return first if first > _PORTS.start + 1000 else _PORTS.stop
