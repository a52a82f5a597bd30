"""Runs a cluster on this machine: starts the roles, watches them, stops them all."""

import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.launch.network import network_for
from od_api.launch.processes import Guard, Member, stop
from od_api.launch.rules import AsynchronousRules, SynchronousRules
from od_api.launch.screen import Screen
from od_api.launch.table import StatusFile, make_rows, summary
from od_api.launch.tasks import plan_roles, tf_config
from od_api.launch.train_command import TrainCommand
from od_api.system.leftovers import owned_folder

_POLL_SECONDS = 0.1
_MOST_PROCESSES = 1000
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_cluster(
    command,
    *,
    workers,
    ps,
    evaluator=None,
    host_network=False,
    chief_restarts=3,
    evaluator_grace=600.0,
    table_seconds=60.0,
):
    """Runs one train command in every role, until the chief is done.

    Args:
      command: the program and its arguments, the same for every role; TF_CONFIG tells
        each process who it is.
      workers: processes that compute gradients.
      ps: parameter servers; 0 trains in step.
      evaluator: whether a process evaluates; by default with parameter servers, since
        without the chief does, and if the command evaluates.
      host_network: whether the roles use this machine's network though they could have
        one of their own.
      chief_restarts: how often a killed chief, or with `ps` 0 the whole, is started
        again.
      evaluator_grace: seconds for the evaluator's last checkpoint.
      table_seconds: between two tables where standard output is no terminal.

    Returns:
      The chief's exit status; 128 + n where signal n ended it, or this process.

    Raises:
      UserError: a number is out of range, or there is no such program.
    """
    _check(workers, ps, chief_restarts, evaluator_grace, table_seconds)
    command = [_find(command), *command[1:]]
    says = TrainCommand(command)
    no_evaluator = says.why_no_evaluator() if evaluator is None and ps else ""
    if evaluator is None:
        evaluator = ps > 0 and not no_evaluator
    why_host = "--host-network" if host_network else says.beyond_this_machine()
    roles = plan_roles(workers, ps, evaluator)
    with (
        owned_folder(tempfile.gettempdir(), "od-api-cluster-") as folder,
        network_for(why_host) as network,
    ):
        status = StatusFile(folder / "status.json")
        members = []

        def table():
            report, fresh = status.read()
            return make_rows(members, report, fresh), summary(report)

        screen = Screen(sys.stdout, table, table_seconds)
        guard = Guard()
        for role in roles:
            environment = _environment(roles, role, folder)
            members.append(
                Member(
                    role,
                    network.wrap(command),
                    environment,
                    guard,
                    screen.line,
                    network.descriptors,
                )
            )
        make_rules = AsynchronousRules if ps else SynchronousRules
        rules = make_rules(members, screen.say, chief_restarts, evaluator_grace)
        with _Interrupts() as interrupts, screen:
            screen.say(network.notice([role.port for role in roles if role.port]))
            if no_evaluator:
                screen.say(f"no evaluator: {no_evaluator}")
            try:
                return _watch(members, rules, screen, interrupts)
            finally:
                _stop_all(members, screen, interrupts)
                guard.close()


def _watch(members, rules, screen, interrupts):
    """Starts all and looks after them; returns the exit status."""
    for member in members:
        member.start()
        screen.say(f"started {member.role.name} (pid {member.pid})")
    while True:
        for member in members:
            status = member.check()
            if status is not None:
                rules.ended(member, status)
            elif member.start_if_due():
                screen.say(f"started {member.role.name} again (pid {member.pid})")
        if interrupts.number:
            screen.say(f"{signal.Signals(interrupts.number).name}: stopping all")
            return 128 + interrupts.number
        if screen.is_broken:
            return 128 + signal.SIGPIPE
        result = rules.result()
        if result is not None:
            return result
        screen.refresh()
        time.sleep(_POLL_SECONDS)


def _stop_all(members, screen, interrupts):
    """Stops what still runs; a second Ctrl-C meanwhile kills it."""
    before = interrupts.count
    killed = stop(members, hurry=lambda: interrupts.count > max(before, 1))
    if killed:
        screen.say(f"killed, since they did not end: {', '.join(killed)}")


def _environment(roles, role, folder):
    # Unbuffered, so that a line is shown when it is written; all else, threads
    # included, is as the launcher was given it.
    extra = {"TF_CONFIG": tf_config(roles, role), "PYTHONUNBUFFERED": "1"}
    if role.kind == "chief":
        extra["OD_API_CLUSTER_STATUS"] = str(folder / "status.json")
    return {**os.environ, **extra}


def _find(command):
    """The path of the program; beside this Python, too, for `od-api` and `python`."""
    if not command:
        raise UserError(
            "no train command: write it after two dashes, e.g. od-api cluster "
            "--workers 3 --ps 2 -- od-api train pipeline.config run"
        )
    beside = str(pathlib.Path(sys.executable).parent)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), beside])
    found = shutil.which(command[0], path=path)
    if found is None:
        raise UserError(f"'{printable(command[0])}': no such program")
    return found


def _check(workers, ps, chief_restarts, evaluator_grace, table_seconds):
    # `not x >= 0` is true of NaN, too.
    if workers < 1:
        raise UserError(f"--workers is {workers}: at least 1 is needed")
    if ps < 0:
        raise UserError(f"--ps is {ps}: say 0 to train in step, or more")
    if workers + ps > _MOST_PROCESSES:
        raise UserError(
            f"--workers and --ps make {workers + ps} processes: one machine takes at "
            f"most {_MOST_PROCESSES}, and each needs about half a gigabyte"
        )
    if chief_restarts < 0:
        raise UserError(f"--chief-restarts is {chief_restarts}: say 0 or more")
    if not evaluator_grace >= 0:
        raise UserError(f"--evaluator-grace is {evaluator_grace:g}: say 0 or more")
    if not table_seconds > 0:
        raise UserError(f"--table-seconds is {table_seconds:g}: say more than 0")


class _Interrupts:
    """Notes Ctrl-C and requests to end, instead of dying of them.

    Attributes:
      number: of the first signal that came; 0 before.
      count: how many came.
    """

    def __init__(self):
        self.number = self.count = 0

    def __enter__(self):
        self._before = {n: signal.signal(n, self._note) for n in _SIGNALS}
        return self

    def __exit__(self, *error):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, _):
        self.number = self.number or number
        self.count += 1
