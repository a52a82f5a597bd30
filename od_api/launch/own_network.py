"""A network with nothing in it but a loopback interface: makes one, or enters one.

Run as a program of its own, without the package:

    python -I -S own_network.py make
    python -I -S own_network.py enter 5,6 COMMAND ...

`make` prints `ready` once it is in a new network namespace, and stays there until its
standard input is closed; where it is not permitted it prints the reason. A user who may
not make one alone makes a user namespace around it, in which they stay who they are;
root does not, since it would lose its rights over the files of others. `enter` takes
the descriptors of namespaces (/proc/PID/ns/user before /proc/PID/ns/net) and becomes
the command.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys

_NEW_USER = 0x10000000
_NEW_NET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments):
    """Does what the first argument says; returns the exit status."""
    if arguments[0] == "make":
        return _make()
    return _enter([int(number) for number in arguments[1].split(",")], arguments[2:])


def _make():
    try:
        _leave()
        _bring_up(b"lo")
    except OSError as error:
        print(error.strerror)
        return 2
    print("ready", flush=True)
    sys.stdin.read()
    return 0


def _enter(descriptors, command):
    try:
        for descriptor in descriptors:
            _call("setns", descriptor, 0)
            os.close(descriptor)
        os.execv(command[0], command)
    except OSError as error:
        print(f"error: cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 2


def _leave():
    """Puts this process into a network namespace of its own."""
    user, group = os.geteuid(), os.getegid()
    try:
        _call("unshare", _NEW_NET)
    except PermissionError:
        if user == 0:
            raise
        _call("unshare", _NEW_USER | _NEW_NET)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")


def _bring_up(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", name, 0)
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        flags = struct.unpack("16sh22x", answer)[1] | _IFF_UP
        request = struct.pack("16sh22x", name, flags)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
