"""Asks servers whether they are there, and names those that are stuck.

As a program of its own, without the package, it watches for a process that may itself
be stuck: TensorFlow waits for a server that is stopped in ways that hold up every
thread of Python.

    python -I -S server_probe.py SECONDS NAME ADDRESS [NAME ADDRESS ...] < pipe

Each byte of standard input says that all is well; its end, that the watch is over.
After SECONDS without one the servers are asked.
"""

import os
import select
import socket
import sys
import time

_PROBE_SECONDS = 2.0
_LONGEST_PAUSE = 86400.0
# The preface of a client of HTTP/2, and an empty SETTINGS frame.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def accepts(address):
    """Whether somebody listens at "host:port"."""
    try:
        with _connection(address):
            return True
    except (OSError, UnicodeError):
        return False


def answers(address):
    """Whether a server of gRPC listens at "host:port" and is not stopped.

    The system accepts connections for a process that is stopped. So this greets as
    HTTP/2 does, which every running server answers at once.
    """
    try:
        with _connection(address) as connection:
            connection.sendall(_GREETING)
            return bool(connection.recv(1))
    except (OSError, UnicodeError):
        return False


def is_stuck(address):
    """Whether a server is there, or may be, but does not answer."""
    try:
        with _connection(address):
            pass
    except (ConnectionRefusedError, UnicodeError):
        return False
    except OSError:
        return True
    return not answers(address)


def watch(seconds, addresses, heart):
    """Follows the bytes of a descriptor to their end; prints who is stuck meanwhile.

    Args:
      seconds: without a byte after which the servers are asked.
      addresses: {name: "host:port"}.
      heart: the descriptor.
    """
    reported, last = set(), time.monotonic()
    while True:
        ready, _, _ = select.select([heart], [], [], min(seconds, _LONGEST_PAUSE))
        if ready:
            if not os.read(heart, 4096):
                return
            reported, last = set(), time.monotonic()
        elif time.monotonic() - last >= seconds:
            stuck = {name for name, a in addresses.items() if is_stuck(a)}
            for name in sorted(stuck - reported):
                print(
                    f"WARNING: {name} ({addresses[name]}) does not answer: it is "
                    "stopped, or cut off. What needs it waits until it goes on, or is "
                    "ended and started again",
                    file=sys.stderr,
                    flush=True,
                )
            reported = stuck


def _connection(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), _PROBE_SECONDS)


if __name__ == "__main__":
    names, values = sys.argv[2::2], sys.argv[3::2]
    watch(float(sys.argv[1]), dict(zip(names, values)), sys.stdin.fileno())  # noqa: B905
