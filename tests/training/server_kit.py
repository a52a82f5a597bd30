"""Servers that greet as those of gRPC do, and servers that are as if stopped."""

import contextlib
import socket
import threading


@contextlib.contextmanager
def listening(greets=True):
    """The address of a server; one that does not greet still has a port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        if connection.recv(14) == b"PRI * HTTP/2.0":
                            connection.sendall(b"\0\0\0\4\0\0\0\0\0")

        if greets:
            threading.Thread(target=greet, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
