"""Who can reach the roles: nobody, or those whom the first line names."""

import os
import pathlib
import re
import socket
import subprocess
import sys

import pytest

from od_api.launch import network
from od_api.launch.network import Network, network_for

# Whether this system permits it; `unshare` is another program's word for it.
PERMITTED = (
    subprocess.run(
        ["unshare", "--net", *["--map-root-user"] * bool(os.getuid()), "true"],
        stderr=subprocess.DEVNULL,
    ).returncode
    == 0
)


def listening():
    """The ports at which somebody listens in the network of this process."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A":
                ports.add(int(address.rsplit(":", 1)[1], 16))
    return ports


def ports_of(run):
    """The ports of the chief, the worker and the parameter server, once they answer."""
    run.logged(r"(\[chief\] 127\.0\.0\.1:\d+ answers\n(.*\n)*?){3}")
    found = re.findall(r"^\[chief\] 127\.0\.0\.1:(\d+) answers$", run.log(), re.M)
    return {int(port) for port in found}


@pytest.mark.parametrize("options", [[], ["--host-network"]])
def test_ports_are_seen_from_outside_only_where_the_first_line_says_so(
    launch,
    tmp_path,
    options,
):
    (tmp_path / "listen").touch()
    run = launch("--workers=1", "--ps=1", "--no-evaluator", *options)
    ports = ports_of(run)
    assert len(ports) == 3
    first = run.log().splitlines()[0]
    if PERMITTED and not options:
        assert first.startswith("[cluster] the roles have a network of their own")
        assert not ports & listening()
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 5)
    else:
        span = f"{min(ports)}:{max(ports)}"
        assert first.startswith(f"[cluster] WARNING: the ports {span} of all network")
        assert f"-p tcp --dport {span} -j DROP" in first
        assert ports <= listening()
    run.end("chief0", 0)
    assert run.status() == 0


def test_roles_keep_user_folder_and_status(tmp_path):
    """What they write belongs to who started them, and their status comes through."""
    told = "print(os.getuid(), os.getgid(), flush=True)"
    code = f"import os; open('new', 'w'); {told}; os._exit(7)"
    with network_for() as here:
        assert here.is_own == PERMITTED
        done = subprocess.run(
            here.wrap([sys.executable, "-c", code]),
            pass_fds=here.descriptors,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert (done.stdout, done.returncode) == (f"{os.getuid()} {os.getgid()}\n", 7)
    assert (tmp_path / "new").stat().st_uid == os.getuid()


def test_a_program_that_cannot_be_started(tmp_path):
    (tmp_path / "empty").touch(mode=0o755)
    enter = [*network._PYTHON, network._PROGRAM, "enter"]
    with open("/proc/self/ns/uts") as not_a_network:
        done = subprocess.run(
            [*enter, str(not_a_network.fileno()), str(tmp_path / "empty")],
            pass_fds=[not_a_network.fileno()],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot start {tmp_path / 'empty'}: ")


def test_a_system_that_does_not_permit_it(monkeypatch, tmp_path):
    """The reason that the program gives is said, with who can reach what."""
    program = tmp_path / "refuses.py"
    program.write_text("print('Operation not permitted')")
    monkeypatch.setattr(network, "_PROGRAM", str(program))
    with network_for() as here:
        assert not here.is_own
        assert here.wrap(["true"]) == ["true"]
        notice = here.notice([21575, 21574, 21576])
    assert "the ports 21574:21576 of all network interfaces are open to" in notice
    assert "no network namespace of their own (Operation not permitted)" in notice
    assert "iptables -I INPUT ! -i lo -p tcp --dport 21574:21576 -j DROP" in notice


def test_a_command_that_needs_the_network_keeps_it():
    with network_for("the command names gs://bucket/run") as here:
        assert not here.is_own
        assert "sends there: the command names gs://bucket/run." in here.notice([1])


def test_descriptors_are_closed():
    numbers = [os.open("/dev/null", os.O_RDONLY)]
    Network(numbers).close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(numbers[0])
