"""Who takes part in a distributed run, and whether they can be reached."""

import dataclasses
import time

from absl import logging

from od_api.core.errors import UserError
from od_api.training.server_probe import answers
from od_api.training.server_watch import ServerWatch


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The tasks of a run and which of them this process is.

    Attributes:
      jobs: {"chief": [address], "worker": [address, ...], "ps": [address, ...]}.
      task_type: "chief", "worker", "ps" or "evaluator".
      task_index: its number among those of its type.
      watch: ServerWatch over the others, where there is one.
    """

    jobs: dict
    task_type: str
    task_index: int = 0
    watch: ServerWatch | None = None

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

    @property
    def is_evaluator(self):
        """Whether this process evaluates what others train."""
        return self.task_type == "evaluator"

    @property
    def is_server(self):
        """Whether this process lends itself to a chief, as a worker or a server."""
        trains = self.is_chief or self.is_evaluator
        return self.has_parameter_servers and not trains

    @property
    def own_address(self):
        """ "host:port" at which others reach this task; None for an evaluator."""
        addresses = self.jobs.get(self.task_type, ())
        return None if self.is_evaluator else addresses[self.task_index]

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


def wait_until_reachable(addresses, seconds):
    """Returns when a server answers at every address.

    Args:
      addresses: {name: "host:port"}.
      seconds: how long to wait for the last of them.

    Raises:
      UserError: some do not; the message names all of these.
    """
    deadline = time.monotonic() + seconds
    missing, said = dict(addresses), False
    while missing:
        missing = {n: a for n, a in missing.items() if not answers(a)}
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


def _listed(addresses):
    return ", ".join(f"{name} ({address})" for name, address in addresses.items())
