"""Ports that are free, taken, or not for everybody."""

import os
import socket

import pytest

from od_api.core.errors import UserError
from od_api.training import ports
from od_api.training.ports import require_free_port


@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::"),
    ],
)
def test_a_taken_port_and_who_has_it(family, host):
    """A server of gRPC would share it, so the one here allows that."""
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind((host, 0))
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(UserError) as error:
            require_free_port(f"10.0.0.1:{port}", "worker 1")
    message = str(error.value)
    assert message.startswith(f"worker 1 is to listen at 10.0.0.1:{port}, but port")
    assert f"port {port} is taken by " in message
    assert f"(process {os.getpid()}): end that, or choose another port" in message
    require_free_port(f"10.0.0.1:{port}", "worker 1")


def test_a_port_that_a_connection_has_left():
    """Its first end waits for a minute; a role that starts again may have it."""
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    with socket.create_connection(address) as client:
        accepted, _ = server.accept()
        accepted.close()
        client.recv(1)
    server.close()
    with socket.socket() as plain, pytest.raises(OSError, match="in use"):
        plain.bind(("0.0.0.0", address[1]))
    require_free_port(f"a:{address[1]}", "worker 0")


def test_nobody_to_name(monkeypatch):
    monkeypatch.setattr(ports, "_listening", lambda port: ["1"])
    assert ports._by_whom(1) == ""
