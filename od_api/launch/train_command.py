"""What a train command says about the cluster that runs it."""

import os
import re
from collections.abc import Sequence

from google.protobuf.message import Message

from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.core.printable import printable

_REMOTE = re.compile(r"(?<![\w+.-])(?!file:|ram:)[A-Za-z][\w+.-]+://\S*")
_TPU_FLAG = re.compile(r"--?(use|tpu)[-_](tpu|name)(?!=(false|f|0)$)", re.IGNORECASE)
_NO_EVALUATION = re.compile(
    r"--no-e(v(al?)?)?|--?noevaluate|--?evaluate=(false|f|0)", re.IGNORECASE
)
# A pipeline.config is a few kilobytes; what is larger is none.
_LARGEST_CONFIG = 1_000_000


class TrainCommand:
    """A command, and the pipeline config that one of its arguments names.

    Args:
      command: the program and its arguments, of any kind.
    """

    def __init__(self, command):
        self._arguments = command[1:]
        self._config = _config_of(self._arguments)

    def beyond_this_machine(self):
        """What of the command is not on this machine, in words; empty if nothing is."""
        for argument in self._arguments:
            if _TPU_FLAG.match(argument):
                return f"the command has {printable(argument)}"
            remote = _REMOTE.search(argument)
            if remote:
                return f"the command names {printable(remote[0])}"
        for text in _strings(self._config):
            if _REMOTE.match(text):
                return f"the config names {printable(text)}"
        return ""

    def why_no_evaluator(self):
        """Why nobody is to evaluate, in words; empty where somebody is."""
        for argument in self._arguments:
            if _NO_EVALUATION.fullmatch(argument):
                return f"the command has {argument}"
            if "eval_on_train_data" in argument:
                return ""
        if self._config is not None and not self._config.eval_input_reader:
            return "the config has no eval_input_reader"
        return ""


def _config_of(arguments):
    """The first argument, or flag's value, that is a pipeline config; None without."""
    for argument in arguments:
        path = argument.split("=", 1)[-1] if argument.startswith("-") else argument
        try:
            if os.path.isfile(path) and os.path.getsize(path) <= _LARGEST_CONFIG:
                config = load_config(path)
                if config.HasField("model") or config.HasField("train_config"):
                    return config
        except (UserError, OSError):
            continue  # Another kind of file; or the roles will say what is wrong.
    return None


def _strings(value):
    """Every text in a message, or in what a field of one holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Message):
        for _, part in value.ListFields():
            yield from _strings(part)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for part in value:
            yield from _strings(part)
