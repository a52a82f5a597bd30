"""Whether a port of this machine is free, and who has it if not."""

import contextlib
import errno
import os
import pathlib
import re
import socket

from od_api.core.errors import UserError
from od_api.core.printable import printable

_LISTENS = "0A"


def require_free_port(address, name):
    """Refuses a port at which somebody listens already.

    TensorFlow would end with a traceback, or wait for ever.

    Args:
      address: "host:port" at which a task of this process will listen.
      name: the task's, e.g. "worker 1".

    Raises:
      UserError: it is taken, or needs rights that this user has not.
    """
    port = int(address.rsplit(":", 1)[1])
    # TensorFlow listens at every interface, whatever the host says.
    for family, everywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family) as probe:
                # What a connection that has ended leaves for a minute is no obstacle.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((everywhere, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"is taken{_by_whom(port)}: end that, or choose another port"
            elif error.errno == errno.EACCES:
                reason = "needs the rights of root: choose one above 1023"
            else:  # There is no IPv6 here.
                continue
            raise UserError(
                f"{name} is to listen at {address}, but port {port} {reason}"
            ) from error


def _by_whom(port):
    """` by python (process 4211)`; empty if it cannot be known."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        # Most processes are other users', and some end meanwhile.
        with contextlib.suppress(OSError):
            for file in os.listdir(folder / "fd"):
                if os.readlink(folder / "fd" / file) in sockets:
                    name = (folder / "comm").read_text(errors="replace").strip()
                    return f" by {printable(name)} (process {folder.name})"
    return ""


def _listening(port):
    """The inodes of the sockets that listen at a port."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines = pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            for line in lines:
                words = re.split(r"\s+", line.strip())
                local = int(words[1].rsplit(":", 1)[1], 16)
                if words[3] == _LISTENS and local == port:
                    yield words[9]
