"""Runs a cluster on this machine: starts the roles, watches them, stops them all."""

import dataclasses
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What a cluster consists of, and how patient it is.

    Attributes:
      workers: processes that compute gradients.
      ps: parameter servers; 0 trains in step.
      evaluator: whether a process evaluates; None: with parameter servers, since
        without the chief does, and if the command evaluates.
      host_network: whether the roles use this machine's network though they could have
        one of their own.
      chief_restarts: how often a killed chief, or with `ps` 0 the whole, is started
        again.
      evaluator_grace: seconds for the evaluator's last checkpoint.
      table_seconds: between two tables where standard output is no terminal.
    """

    workers: int
    ps: int
    evaluator: bool | None = None
    host_network: bool = False
    chief_restarts: int = 3
    evaluator_grace: float = 600.0
    table_seconds: float = 60.0


def run_cluster(command, options):
    """Runs one train command in every role, until the chief is done.

    Args:
      command: program and arguments; TF_CONFIG tells each process who it is.
      options: Options.

    Returns:
      The chief's exit status; 128 + n where signal n ended it, or this process.

    Raises:
      UserError: a number is out of range, or there is no such program.
    """
    _check(options)
    command = [_find(command), *command[1:]]
    says = TrainCommand(command)
    evaluator, why_none = _evaluator(options, says)
    why_host = "--host-network" if options.host_network else says.beyond_this_machine()
    roles = plan_roles(options.workers, options.ps, evaluator)
    with (
        owned_folder(tempfile.gettempdir(), "od-api-cluster-") as folder,
        network_for(why_host) as network,
    ):
        members = []
        table = _table(members, StatusFile(folder / "status.json"))
        screen, guard = Screen(sys.stdout, table, options.table_seconds), Guard()
        for role in roles:
            environment = _environment(roles, role, folder)
            members.append(_member(role, command, environment, network, guard, screen))
        rules = _rules(members, screen, options)
        with _Interrupts() as interrupts, screen:
            screen.say(network.notice([role.port for role in roles if role.port]))
            if why_none:
                screen.say(f"no evaluator: {why_none}")
            try:
                return _watch(members, rules, screen, interrupts)
            finally:
                _stop_all(members, screen, interrupts)
                guard.close()


def _evaluator(options, says):
    """Whether a process evaluates, and why none does where one was not refused."""
    if options.evaluator is not None:
        return options.evaluator, ""
    why_none = says.why_no_evaluator() if options.ps else ""
    return options.ps > 0 and not why_none, why_none


def _table(members, status):
    """A function that says how the members are: rows, and a summary."""

    def table():
        report, fresh = status.read()
        return make_rows(members, report, fresh), summary(report)

    return table


def _member(role, command, environment, network, guard, screen):
    return Member(
        role,
        network.wrap(command),
        environment,
        guard,
        screen.line,
        network.descriptors,
    )


def _rules(members, screen, options):
    make_rules = AsynchronousRules if options.ps else SynchronousRules
    return make_rules(
        members, screen.say, options.chief_restarts, options.evaluator_grace
    )


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


def _check(options):
    # `not x >= 0` is true of NaN, too.
    if options.workers < 1:
        raise UserError(f"--workers is {options.workers}: at least 1 is needed")
    if options.ps < 0:
        raise UserError(f"--ps is {options.ps}: say 0 to train in step, or more")
    processes = options.workers + options.ps
    if processes > _MOST_PROCESSES:
        raise UserError(
            f"--workers and --ps make {processes} processes: one machine takes at most "
            f"{_MOST_PROCESSES}, and each needs about half a gigabyte"
        )
    if options.chief_restarts < 0:
        raise UserError(f"--chief-restarts is {options.chief_restarts}: say 0 or more")
    if not options.evaluator_grace >= 0:
        raise UserError(
            f"--evaluator-grace is {options.evaluator_grace:g}: say 0 or more"
        )
    if not options.table_seconds > 0:
        raise UserError(
            f"--table-seconds is {options.table_seconds:g}: say more than 0"
        )


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
