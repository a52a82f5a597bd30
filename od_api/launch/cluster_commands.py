"""`od-api cluster ...`: its arguments."""

import argparse
import dataclasses

_DESCRIPTION = """\
Starts the roles of a training cluster as processes on this machine, each with its
TF_CONFIG, shows their logs and a table of their states, starts again what dies and may
come back, and stops them all when the chief is done or on Ctrl-C.

With --ps, workers train at their own pace (the config says sync_replicas: false). With
--ps 0, the processes train in step, and the chief is one of --workers.
"""
_EPILOG = """\
examples:
  od-api cluster --workers 3 --ps 2 -- od-api train pipeline.config run
  od-api cluster --workers 2 --ps 0 -- python model_main.py \\
      --pipeline_config_path=pipeline.config --model_dir=run
"""


def add_arguments(parser):
    """Adds the arguments; `func(args)` returns the exit status."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.usage = "od-api cluster --workers N --ps N [options] -- COMMAND ..."
    _add_roles(parser.add_argument)
    _add_patience(parser.add_argument)
    parser.add_argument(
        "train_command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="the train command, the same for every role",
    )
    parser.set_defaults(func=_cluster)


def _add_roles(add):
    add(
        "--workers",
        type=int,
        required=True,
        metavar="N",
        help="processes that compute gradients",
    )
    add(
        "--ps",
        type=int,
        required=True,
        metavar="N",
        help="parameter servers; 0 trains in step, without any",
    )
    add(
        "--evaluator",
        action=argparse.BooleanOptionalAction,
        help="a process that evaluates each checkpoint; by default with --ps only, "
        "since without the chief evaluates, and where the command evaluates at all",
    )
    add(
        "--host-network",
        action="store_true",
        help="the roles use this machine's network, and whoever reaches it reaches "
        "them; for commands that need it, such as reports to a web service",
    )


def _add_patience(add):
    add(
        "--chief-restarts",
        type=int,
        default=3,
        metavar="N",
        help="how often a chief that was killed (with --ps 0: everything) is started "
        "again; default 3",
    )
    add(
        "--evaluator-grace",
        type=float,
        default=600,
        metavar="SECONDS",
        help="for the evaluator to finish after the chief; default 600",
    )
    add(
        "--table-seconds",
        type=float,
        default=60,
        metavar="SECONDS",
        help="between two tables where the output is no terminal; default 60",
    )


def _cluster(args):
    from od_api.launch.launcher import Options, run_cluster

    command = args.train_command
    if command[:1] == ["--"]:
        command = command[1:]
    names = [field.name for field in dataclasses.fields(Options)]
    return run_cluster(
        command, Options(**{name: getattr(args, name) for name in names})
    )
