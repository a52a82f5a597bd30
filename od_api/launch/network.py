"""The network that the roles of a cluster share, and who can reach them there.

A TensorFlow server listens at every interface of its network, whatever address it is
told, and runs what anybody sends who connects. So the roles get a network of their own
where the system permits it: a namespace that has a loopback interface and nothing else.
"""

import contextlib
import os
import pathlib
import subprocess
import sys

_PROGRAM = str(pathlib.Path(__file__).with_name("own_network.py"))
# -I and -S: it starts in 10 ms and imports nothing of its surroundings.
_PYTHON = (sys.executable, "-I", "-S")


class Network:
    """Where the roles are: in a network of their own, or in that of this machine.

    Args:
      descriptors: of the namespaces to enter; none for this machine's network.
      why_open: why it is this machine's; empty where it is not.
    """

    def __init__(self, descriptors=(), why_open=""):
        self.descriptors = tuple(descriptors)
        self._why_open = why_open

    @property
    def is_own(self):
        """Whether nobody but the roles can reach it."""
        return bool(self.descriptors)

    def wrap(self, command):
        """The command that runs `command` in this network, with `descriptors` open."""
        if not self.is_own:
            return command
        numbers = ",".join(str(number) for number in self.descriptors)
        return [*_PYTHON, _PROGRAM, "enter", numbers, *command]

    def notice(self, ports):
        """What to say first: who can reach the roles, which listen at these ports."""
        if self.is_own:
            return (
                "the roles have a network of their own: nothing else can reach them, "
                "and they reach nothing else (--host-network: they use this machine's)"
            )
        span = f"{min(ports)}:{max(ports)}"
        rule = f"-I INPUT ! -i lo -p tcp --dport {span} -j DROP"
        return (
            f"WARNING: the ports {span} of all network interfaces are open to everyone "
            "who can reach this machine, and TensorFlow runs what anybody sends there: "
            f"{self._why_open}. A firewall keeps others out: iptables {rule}; "
            f"ip6tables {rule}"
        )

    def close(self):
        """Lets go of the namespaces; they end with the last process in them."""
        for number in self.descriptors:
            os.close(number)


@contextlib.contextmanager
def network_for(why_host=""):
    """Yields the Network for roles; closed afterwards.

    Args:
      why_host: why the roles need this machine's network; empty where they do not.
    """
    network = Network(why_open=why_host) if why_host else _own_network()
    try:
        yield network
    finally:
        network.close()


def _own_network():
    """A network of its own where the system permits it, else this machine's."""
    maker = subprocess.Popen(
        [*_PYTHON, _PROGRAM, "make"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with maker:
        answer = maker.stdout.readline().strip()
        if answer == "ready":
            return Network(_namespaces(maker.pid))
    return Network(
        why_open="the system permits no network namespace of their own "
        f"({answer or 'no answer'})"
    )


def _namespaces(pid):
    """Descriptors of the namespaces in which a process differs from this one."""
    descriptors = []
    for kind in ("user", "net"):
        theirs = f"/proc/{pid}/ns/{kind}"
        if not os.path.samefile(theirs, f"/proc/self/ns/{kind}"):
            descriptors.append(os.open(theirs, os.O_RDONLY))
    return descriptors
