"""The process that does stages of one cell, started by the runner.

    python -m od_api.study.run.stage_process CELL STAGE,STAGE < settings

The first line of standard input is RunSettings as JSON. Then the pipe stays open: when
it closes, because the runner has ended or was killed, this process ends, too. What is
done stands in the stage's file; what failed, and where, in a line of JSON on the file
descriptor that the environment variable OD_API_STUDY_EVENTS names.
"""

import json
import os
import sys
import threading
import time
import traceback

from od_api.core.errors import UserError
from od_api.study.run.run_settings import RunSettings


def main(arguments):
    """Does the stages in order; returns 0, or 1 after the first that failed."""
    name, stages = arguments[0], arguments[1].split(",")
    settings = RunSettings.from_json(sys.stdin.readline())
    threading.Thread(target=_end_with_runner, daemon=True).start()
    events = os.fdopen(int(os.environ["OD_API_STUDY_EVENTS"]), "w", buffering=1)
    for stage in stages:
        events.write(json.dumps({"stage": stage}) + "\n")
        try:
            _do(name, stage, settings)
        except Exception as error:
            traceback.print_exc()
            message = str(error).strip() or type(error).__name__
            if not isinstance(error, UserError | OSError):
                message = f"{type(error).__name__}: {message}"
            events.write(json.dumps({"stage": stage, "error": message}) + "\n")
            return 1
        events.write(json.dumps({"stage": stage, "done": True}) + "\n")
    return 0


def _end_with_runner():
    """Waits for the runner's end of the pipe to close."""
    sys.stdin.read()
    os._exit(1)


_work = {}


def _do(name, stage, settings):
    from od_api.study.run.stage_work import Work
    from od_api.study.run.stages import load_study

    if not _work:
        _work[name] = Work(load_study(settings)[name])
    started = time.monotonic()
    result = getattr(_work[name], stage)()
    _work[name].stages.finish(stage, time.monotonic() - started, result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
