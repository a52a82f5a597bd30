"""A few steps of a training, in a process of its own, to see whether they fit.

    python -m od_api.init.trial_training CONFIG RESULT

writes to RESULT, as JSON, the seconds of a step and the peak of the memory, or what is
wrong. A system that runs out of memory ends the process that took most of it: this one
asks to be the one.
"""

import contextlib
import json
import pathlib
import resource
import statistics
import sys
import tempfile
import time

# The first traces and fills caches.
_WARM_UP, _TIMED = 1, 3
FULL, WRONG, DONE = "memory", "wrong", "done"


def main(config_path, result_path):
    """Runs the trial; what it found is in the file."""
    _be_the_first_to_end()
    result = _tried(config_path)
    pathlib.Path(result_path).write_text(json.dumps(result), "utf-8")


def _be_the_first_to_end():
    with contextlib.suppress(OSError):  # Linux alone has it
        pathlib.Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


def _tried(config_path):
    from od_api.core.errors import UserError

    try:
        return _timed(config_path)
    except UserError as error:
        return {"outcome": WRONG, "message": str(error)}
    except Exception as error:
        if type(error).__name__ in ("ResourceExhaustedError", "MemoryError"):
            return {"outcome": FULL}
        raise


def _timed(config_path):
    import tensorflow as tf

    from od_api.config.loading import load_config
    from od_api.training.roles import trainer
    from od_api.training.start import Options, prepared

    config = load_config(config_path)
    count = _WARM_UP + _TIMED
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        strategy, _ = stack.enter_context(trainer(config.train_config, None))
        options = Options(
            strategy,
            num_steps=count,
            evaluate_on_the_way=False,
            record_summaries=False,
        )
        run = stack.enter_context(prepared(config, folder, options))
        times, before = [], time.perf_counter()
        for _ in run.steps.until(count):
            now = time.perf_counter()
            times.append(now - before)
            before = now
    return {
        "outcome": DONE,
        "seconds": statistics.median(times[_WARM_UP:]),
        "peak_bytes": _peak(),
        "devices": strategy.num_replicas_in_sync,
        "on_gpu": bool(tf.config.list_physical_devices("GPU")),
    }


def _peak():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
