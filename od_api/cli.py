"""The `od-api` command: one sub-command per verb.

Exit status 0 for success; 2 for bad input of any kind, with one message on standard
error and no traceback (`--debug` shows it); 1 for a defect of ours, or for what is no
input's fault: full memory, models of a study that failed.
"""

import contextlib
import importlib.metadata
import os
import platform
import sys
import types

from od_api.commands import (
    client_command,
    config_commands,
    data_command,
    demo_command,
    detect_command,
    doctor_command,
    eval_command,
    export_command,
    import_command,
    init_command,
    techniques_command,
    training_command,
    view_command,
)
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.launch import cluster_commands
from od_api.study import benchmark_command, study_commands
from od_api.system.arguments import Parser
from od_api.training.departure import leave

# Name, the module of its arguments, and what it does; in the order of the help.
_COMMANDS = (
    ("init", init_command, "make a config that trains on your images"),
    ("train", training_command, "train, and evaluate on the way"),
    ("eval", eval_command, "evaluate a checkpoint, or detections"),
    ("export", export_command, "write a model for serving"),
    ("detect", detect_command, "find objects in images and videos"),
    ("client", client_command, "as detect, with a server's model"),
    (
        "import-checkpoint",
        import_command,
        "bring weights of the old API, of slim or of Keras",
    ),
    ("config", config_commands, "check, explain or show configs"),
    ("data", data_command, "convert, check or make data sets"),
    ("demo", demo_command, "the whole way on synthetic scenes"),
    ("study", study_commands, "the speed/accuracy trade-off study"),
    ("benchmark", benchmark_command, benchmark_command.HELP),
    ("cluster", cluster_commands, "a cluster on this machine"),
    ("techniques", techniques_command, "list every part, with its source"),
    ("view", view_command, "look at pictures in a browser"),
    ("doctor", doctor_command, "look at this installation"),
)
# What shells say of a program whose reader is gone: 128 and the signal's number.
_BROKEN_PIPE = 141


def main(arguments=None):
    """Runs one command line; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Wherever it stands: it is asked for after an error, at the end of the line. But
    # what follows `--` is another command.
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    debug = "--debug" in ours
    ours = [a for a in ours if a != "--debug"] + arguments[len(ours) :]
    try:
        args = _parser().parse_args(ours)
    except SystemExit as end:  # it has printed the help, or what is wrong
        raise SystemExit(_flushed(end.code)) from None
    config, overrides = getattr(args, "config", None), getattr(args, "overrides", ())
    with reporting(config, debug, overrides) as outcome:
        outcome.status = args.func(args)
    return outcome.status


def run(action, config_path=None, debug=False, overrides=()):
    """Calls `action()`, which returns an exit status or None; as `reporting`.

    Returns:
      The exit status.
    """
    with reporting(config_path, debug, overrides) as outcome:
        outcome.status = action()
    return outcome.status


@contextlib.contextmanager
def reporting(config_path=None, debug=False, overrides=()):
    """What goes wrong in the block becomes one message and an exit status.

    Args:
      config_path: of the pipeline.config that errors are placed in, if there is one.
      debug: lets errors through, with their traceback.
      overrides: the `--set` of the command line; errors in what they set are placed
        there.

    Yields:
      Something with `status`: the block may set it; behind the block it is the exit
      status, never None.
    """
    from absl import logging

    from od_api.system import quiet

    quiet.install()
    logging.set_verbosity(logging.INFO)
    outcome = types.SimpleNamespace(status=0)
    try:
        yield outcome
        outcome.status = _flushed(outcome.status or 0)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        outcome.status = 130
    except BrokenPipeError:
        outcome.status = _unread()
    except Exception as error:
        if debug:
            raise
        message, outcome.status = _told(error, config_path, overrides)
        print(f"error: {printable(message, lines=True)}", file=sys.stderr)
    leave(outcome.status)


def _told(error, config_path, overrides):
    """(message, exit status) of an error."""
    if isinstance(error, ConfigError) and config_path:
        from od_api.config.loading import locate

        error = locate(error, config_path, overrides)
    if isinstance(error, UserError | OSError):
        return str(error), 2
    kind, reason = type(error).__name__, str(error).strip().split("\n")[0]
    if kind in ("MemoryError", "ResourceExhaustedError"):
        return (
            f"the memory is full ({reason or kind}): use a smaller batch, smaller "
            "images or fewer boxes"
        ), 1
    return f"{kind}: {reason or 'no message'}: this is a bug; --debug shows more", 1


def _flushed(status):
    """The status, once standard output is written; another one if nobody reads it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    return status


def _unread():
    """The status where nobody reads what is printed, as after `| head`."""
    # What is left would raise again when Python ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE


def parse_flags(arguments):
    """Parses absl flags, for the scripts that keep the old API's flags.

    A flag that is wrong or missing ends the program as bad input does: one message and
    exit status 2.
    """
    from absl import flags

    try:
        return flags.FLAGS(arguments)
    except flags.Error as error:
        print(f"error: {printable(error)} (see --help)", file=sys.stderr)
        sys.exit(2)


def _parser():
    parser = Parser(prog="od-api", description=__doc__.split("\n")[0])
    # `main` takes it out before, wherever it stands; here it is for the help.
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module, told in _COMMANDS:
        module.add_arguments(commands.add_parser(name, help=told))
    return parser


def _version():
    """What a report of a defect needs to say."""
    ours, *others = map(_installed, ("od-api", "tensorflow", "keras"))
    return f"{ours} (Python {platform.python_version()}, {', '.join(others)})"


def _installed(package):
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:  # it may run from its sources
        return f"{package}, not installed"


if __name__ == "__main__":
    sys.exit(main())
