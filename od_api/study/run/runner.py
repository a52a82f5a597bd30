"""A run of a study: every cell through its stages, each in processes of its own.

Stages that are done are not done again, whatever stopped the run before. A cell that
fails is recorded, and the others go on.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import NamedTuple

from od_api.core.errors import UserError
from od_api.study.grid.grid import cells_like
from od_api.study.run.stages import load_study

# Stages that one process does. Training leaves memory behind, and the peak of memory
# must be that of inference alone.
_PROCESSES = (("train",), ("export", "evaluate"), ("time", "proposals", "count"))
_STOP_SECONDS = 10

# Takes the name of a cell and stages, and RunSettings on its standard input.
COMMAND = (sys.executable, "-m", "od_api.study.run.stage_process")


class Event(NamedTuple):
    """Something that happened to a stage of a cell.

    Attributes:
      cell: name.
      stage: name.
      state: "cached", "running", "done" or "failed".
      seconds: that the stage took, now or in an earlier run.
      message: of a failure.
    """

    cell: str
    stage: str
    state: str
    seconds: float = 0.0
    message: str = ""


def shard_of(names_by_model, shard):
    """The cells of one job of an array.

    Cells that share a trained model stay together, so that no two jobs train it.

    Args:
      names_by_model: {trained model: [cell name, ...]}.
      shard: (i, n), i from 1 to n.

    Returns:
      A list of cell names.
    """
    index, count = shard
    groups = list(names_by_model.values())[index - 1 :: count]
    return [name for group in groups for name in group]


def groups_of(study):
    """{trained model: [cell name, ...]} of {name: CellStages}."""
    groups = {}
    for name, stages in study.items():
        groups.setdefault(stages.cell.trained_name, []).append(name)
    return groups


class Runner:
    """Runs cells, one after the other.

    Args:
      settings: RunSettings.
      tell: called with each Event.

    Attributes:
      study: {name: CellStages}.
    """

    def __init__(self, settings, tell=lambda event: None):
        self._settings, self.tell = settings.checked(), tell
        self.study = load_study(settings)
        # {key of a training that failed: message}: cells that share it need not try.
        self._failed_training = {}

    def run(self, names):
        """Runs the cells of these names; returns {name: error or None}."""
        return {name: self._run_cell(self.study[name]) for name in names}

    def _run_cell(self, stages):
        """Returns None, or {"stage", "message"} of the stage that failed."""
        error = self._do_stages(stages)
        stages.write_result(error)
        if error:
            name, stage = stages.cell.name, error["stage"]
            self.tell(Event(name, stage, "failed", message=error["message"]))
        return error

    def _do_stages(self, stages):
        to_do = []
        for stage in stages.stages:
            try:
                record = stages.record(stage)
            except (UserError, OSError) as error:
                return {"stage": stage, "message": str(error)}
            if record is None:
                to_do.append(stage)
            else:
                done = Event(stages.cell.name, stage, "cached", record["seconds"])
                self.tell(done)
        if "train" in to_do and stages.key("train") in self._failed_training:
            return self._failed_training[stages.key("train")]
        for group in _PROCESSES:
            wanted = [stage for stage in group if stage in to_do]
            error = self._in_process(stages, wanted) if wanted else None
            if error:
                if error["stage"] == "train":
                    self._failed_training[stages.key("train")] = error
                return error
        return None

    def _in_process(self, stages, wanted):
        """Does some stages in a new process; returns the error or None."""
        name, folder = stages.cell.name, stages.folder
        folder.mkdir(parents=True, exist_ok=True)
        reading, writing = os.pipe()
        with (folder / "log.txt").open("a") as log:
            process = subprocess.Popen(
                [*COMMAND, name, ",".join(wanted)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
                env={**os.environ, "OD_API_STUDY_EVENTS": str(writing)},
                text=True,
            )
        os.close(writing)
        try:
            process.stdin.write(self._settings.to_json() + "\n")
            process.stdin.flush()
            error, stage = self._follow(stages, reading)
            status = process.wait()
        except BaseException:
            _stop(process)
            raise
        finally:
            process.stdin.close()
        if error is None and status != 0:
            message = f"{_how_it_ended(status)}; see {folder / 'log.txt'}"
            error = {"stage": stage or wanted[0], "message": message}
        return error

    def _follow(self, stages, reading):
        """Tells what the process says; returns (error or None, the last stage)."""
        stage, error, started = None, None, time.monotonic()
        with os.fdopen(reading) as lines:
            for line in lines:
                event = json.loads(line)
                stage = event["stage"]
                seconds = time.monotonic() - started
                if "error" in event:
                    error = {"stage": stage, "message": event["error"]}
                elif "done" in event:
                    stages.write_result()
                    self.tell(Event(stages.cell.name, stage, "done", seconds))
                    started = time.monotonic()
                else:
                    self.tell(Event(stages.cell.name, stage, "running"))
        return error, stage


def _stop(process):
    """Ends a process: its pipe is closed, and it is told, and then made to."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _how_it_ended(status):
    if status < 0:
        name = signal.Signals(-status).name
        return f"the process was ended by {name}" + (
            " (out of memory?)" if name == "SIGKILL" else ""
        )
    return f"the process ended with status {status}"


def cells_to_run(study, patterns=("*",), shard=(1, 1)):
    """The names of a run, in the order of the grid.

    Args:
      study: {name: CellStages}.
      patterns: names or shell patterns of the only ones.
      shard: (i, n), of these.

    Raises:
      UserError: there is no such cell.
    """
    wanted = {name for pattern in patterns for name in cells_like(study, pattern)}
    chosen = {name: stages for name, stages in study.items() if name in wanted}
    return shard_of(groups_of(chosen), shard)


def parse_shard(text):
    """(2, 8) of "2/8".

    Raises:
      UserError: it is not i/n with 1 <= i <= n.
    """
    index, _, count = text.partition("/")
    with contextlib.suppress(ValueError):
        if 1 <= int(index) <= int(count):
            return int(index), int(count)
    raise UserError(f"a shard is i/n, from 1/n to n/n, and not {text!r:.60}")
