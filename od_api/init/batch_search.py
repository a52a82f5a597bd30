"""The batch that this machine trains: found by taking steps of it."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import NamedTuple

from od_api.config.memory_bound import physical_memory
from od_api.core.errors import UserError
from od_api.init.trial_training import DONE, WRONG
from od_api.system.free_memory import free_memory

# Training goes on for long, and other programs want memory, too.
_SHARE = 0.85


class FoundBatch(NamedTuple):
    """The batch that was found.

    Attributes:
      size: images of it.
      seconds: of a step.
      tried: larger ones for which the memory was too small.
    """

    size: int
    seconds: float
    tried: list


def found_batch(write_config, size, say=print, memory=None):
    """The largest of `size`, half of it, ... that this machine trains.

    Args:
      write_config: (batch size, path) -> writes a config with that batch to the path.
      size: to try first.
      say: called with a sentence about each trial.
      memory: bytes that a training may take; by default a large part of what is free.

    Raises:
      UserError: not even one image fits, or the training is wrong otherwise.
    """
    memory = memory or _free_memory()
    tried = []
    while True:
        say(f"trying a few steps with {size} images ...")
        result = _tried(write_config, size)
        if result["outcome"] == WRONG:
            raise UserError(result["message"])
        if result["outcome"] == DONE and _fits(result, memory):
            return FoundBatch(size, result["seconds"], tried)
        tried.append(size)
        if size == 1:
            raise UserError(
                "the memory of this machine is too small for this detector, even with "
                "one image at a time: choose a smaller one (od-api init --list), or a "
                "smaller --size"
            )
        size //= 2


def _environment():
    """That of the trial: it finds this package, and nothing in the current folder."""
    package = pathlib.Path(__file__).parents[2]
    others = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(package), *([others] if others else [])])
    own = {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **own}


def _fits(result, memory):
    return result.get("on_gpu") or not memory or result["peak_bytes"] <= memory


def _tried(write_config, size):
    """The result of `trial_training`, or "memory" where the system has ended it."""
    with tempfile.TemporaryDirectory() as folder:
        config, result = (pathlib.Path(folder) / n for n in ("trial.config", "result"))
        write_config(size, config)
        command = [sys.executable, "-m", "od_api.init.trial_training"]
        done = subprocess.run(
            [*command, str(config), str(result)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(),
            check=False,
        )
        if done.returncode == 0:
            return json.loads(result.read_text("utf-8"))
    if done.returncode < 0 or b"std::bad_alloc" in done.stderr:
        return {"outcome": "memory"}
    raise RuntimeError(
        "the trial step failed: " + done.stderr.decode("utf-8", "replace")[-2000:]
    )


def _free_memory():
    """Bytes that a training may take of this machine's; None where nobody says."""
    free = [physical_memory(), free_memory()]
    known = [number for number in free if number]
    return min(known) * _SHARE if known else None
