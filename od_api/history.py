"""The evaluations of a run: which was best, and whether training still gets better."""

import json
import os
import pathlib

from od_api.core.config import nearest
from od_api.core.errors import ConfigError


class History:
    """Metrics of every evaluation so far, kept in `eval_history.jsonl`.

    Args:
      model_dir: where the file is.
      eval_config: EvalConfig: `best_metric` and `early_stopping`.
      step: the step that training is at; later entries belong to an abandoned future
        and are dropped.
      writes: False for a process that only reads or follows it.

    Attributes:
      metric: name of the metric that decides.
      larger_is_better: False for losses.
    """

    def __init__(self, model_dir, eval_config, step, writes=True):
        self._writes = writes
        self._path = _path(model_dir)
        self.metric = eval_config.best_metric
        stopping = eval_config.early_stopping
        has_stopping = eval_config.HasField("early_stopping")
        self._patience = stopping.patience if has_stopping else None
        self._min_delta = stopping.min_delta
        self.larger_is_better = "Loss/" not in self.metric
        entries = read_history(model_dir)
        self._entries = [e for e in entries if e["step"] <= step]

    def add(self, step, metrics):
        """Records an evaluation; True when it is the best so far.

        Raises:
          ConfigError: the metrics have no `best_metric`.
        """
        _check_known(self.metric, metrics)
        before = [self._value(e) for e in self._entries if e["step"] != step]
        entry = {"step": step, "metrics": metrics}
        self._entries = [e for e in self._entries if e["step"] != step] + [entry]
        if self._writes:
            self._write()
        return all(self._value(entry) > value for value in before)

    def best(self):
        """(step, value of the best metric) of the best evaluation, or None."""
        if not self._entries:
            return None
        entry = max(self._entries, key=self._value)
        return entry["step"], entry["metrics"][self.metric]

    def should_stop(self):
        """Whether early stopping is on and its patience is used up."""
        return self._patience is not None and self._stale() >= self._patience

    def why(self):
        """What early stopping saw, in words."""
        step, value = self.best()
        return (
            f"{self.metric} has not improved by more than {self._min_delta:g} in "
            f"{self._stale()} evaluations; best {value:.4f} at step {step}"
        )

    def _stale(self):
        """Evaluations since the last improvement by more than min_delta."""
        stale, best = 0, None
        for value in map(self._value, self._entries):
            if best is None or value > best + self._min_delta:
                stale, best = 0, value
            else:
                stale += 1
        return stale

    def _value(self, entry):
        """Higher is better; losses count negative, undefined metrics lowest."""
        value = entry["metrics"][self.metric]
        value = value if self.larger_is_better else -value
        return value if value == value else float("-inf")

    def _write(self):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(e) + "\n" for e in self._entries))
        os.replace(temporary, self._path)


def check_best_metric(eval_config, names):
    """Raises ConfigError if `best_metric` is none of these names, nor a loss.

    Which losses there are is known when there are some.
    """
    if "Loss/" not in eval_config.best_metric:
        _check_known(eval_config.best_metric, names)


def _check_known(metric, names):
    if metric not in names:
        raise ConfigError(
            f"the evaluation has no metric {metric!r}; {nearest(metric, names)}",
            "eval_config.best_metric",
        )


def read_history(model_dir):
    """[{"step", "metrics"}] of every evaluation of a run, oldest first."""
    path = _path(model_dir)
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _path(model_dir):
    return pathlib.Path(model_dir) / "eval_history.jsonl"
