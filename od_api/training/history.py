"""The evaluations of a run: which was best, and whether training still gets better."""

import copy
import json
import os
import pathlib
import shutil

from od_api.checkpoints.best_checkpoint import BestCheckpoint
from od_api.config.loading import nearest
from od_api.core.errors import ConfigError
from od_api.core.warn_once import warn_once
from od_api.system.files import read_bytes


class History:
    """Metrics of every evaluation so far, kept in `eval_history.jsonl`.

    An evaluation without `best_metric`, as another metrics_set left it, is kept, but
    decides nothing. Where the file has lost the evaluation of the checkpoint in
    `best/`, the record of that stands in.

    Args:
      model_dir: where the file is.
      eval_config: EvalConfig: `best_metric` and `early_stopping`.
      step: the step that training is at; later entries belong to an abandoned future
        and are dropped.
      writes: False for a process that only reads or follows it.

    Attributes:
      metric: name of the metric that decides.
      larger_is_better: False for losses.
      steps: set of the steps that were evaluated.
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
        entries, self._damaged = _read(self._path)
        self._entries = [e for e in entries if e["step"] <= step]
        self._best = BestCheckpoint(str(model_dir))
        self._remembered = self._evaluation_in_best(step)
        self._say_what_decides_nothing()

    @property
    def steps(self):
        return {entry["step"] for entry in self._entries}

    def add(self, step, metrics):
        """Records an evaluation; True when it is the best so far.

        Raises:
          ConfigError: the metrics have no `best_metric`.
        """
        _check_known(self.metric, metrics)
        entry = {"step": step, "metrics": metrics}
        others = [e for e in self._entries if e["step"] != step]
        self._entries = sorted([*others, entry], key=lambda e: e["step"])
        if self._writes:
            self._write()
        ranked = self.ranked()
        return bool(ranked) and ranked[0][0] == step

    def latest(self):
        """The metrics of the last evaluation; empty without one."""
        return self._entries[-1]["metrics"] if self._entries else {}

    def ranked(self):
        """[(step, value of the best metric)], best first; undefined ones left out."""
        found = {e["step"]: e["metrics"][self.metric] for e in self._deciding()}
        if self._remembered and self._remembered["step"] not in self.steps:
            found[self._remembered["step"]] = self._remembered["value"]
        defined = [(step, value) for step, value in found.items() if value == value]
        return sorted(defined, key=lambda item: (-self._worth(item[1]), item[0]))

    def best(self):
        """(step, value of the best metric) of the best evaluation, or None."""
        ranked = self.ranked()
        return ranked[0] if ranked else None

    def keep_best(self):
        """Brings `best/` in line with the history, if it is not.

        Raises:
          UserError: the disk is full.
        """
        self._best.choose(self.metric, self.ranked())

    def should_stop(self):
        """Whether early stopping is on and its patience is used up."""
        return self._patience is not None and self._stale() >= self._patience

    def why(self):
        """What early stopping saw, in words."""
        best = self.best()
        known = f"; best {best[1]:.4f} at step {best[0]}" if best else ""
        return (
            f"{self.metric} has not improved by more than {self._min_delta:g} in "
            f"{self._stale()} evaluations{known}"
        )

    def _stale(self):
        """Evaluations since the last improvement by more than min_delta."""
        stale, best = 0, None
        for entry in self._deciding():
            value = self._worth(entry["metrics"][self.metric])
            if best is None or value > best + self._min_delta:
                stale, best = 0, value
            else:
                stale += 1
        return stale

    def _deciding(self):
        return [e for e in self._entries if self.metric in e["metrics"]]

    def _worth(self, value):
        """Higher is better; losses count negative, undefined metrics lowest."""
        value = value if self.larger_is_better else -value
        return value if value == value else float("-inf")

    def _evaluation_in_best(self, step):
        """The record of `best/` if it is of this metric and no abandoned future."""
        record = self._best.record()
        if record and record["metric"] == self.metric and record["step"] <= step:
            return record
        return None

    def _say_what_decides_nothing(self):
        unknown = len(self._entries) - len(self._deciding())
        if unknown:
            warn_once(
                f"{unknown} of the {len(self._entries)} evaluations in {self._path} "
                f"have no {self.metric} (another metrics_set or best_metric then): "
                "best/ and early stopping go by the others"
            )

    def _write(self):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._damaged:
            shutil.copy(self._path, self._path.with_suffix(".damaged"))
            self._damaged = []
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(e) + "\n" for e in self._entries))
        os.replace(temporary, self._path)


def with_best_metric(config, names):
    """The config with a `best_metric` that there is, where none is set.

    The schema's default is COCO's mAP, which only COCO's metrics of boxes have.

    Args:
      config: TrainEvalPipelineConfig.
      names: of all metrics that are measured, the most important first.
    """
    settings = config.eval_config
    if settings.HasField("best_metric") or settings.best_metric in names or not names:
        return config
    config = copy.deepcopy(config)
    config.eval_config.best_metric = names[0]
    return config


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
    """[{"step", "metrics"}] of every evaluation of a run, oldest first.

    Damaged lines are passed over, with one warning that names them.
    """
    return _read(_path(model_dir))[0]


def _path(model_dir):
    return pathlib.Path(model_dir) / "eval_history.jsonl"


def _read(path):
    """(entries, numbers of the damaged lines) of a history, which need not exist."""
    if not path.exists():
        return [], []
    entries, damaged = {}, []
    for number, line in enumerate(read_bytes(path, "history").split(b"\n"), 1):
        if not line.strip():
            continue
        entry = _entry(line)
        if entry is None:
            damaged.append(number)
        else:
            entries[entry["step"]] = entry
    if damaged:
        lines = ", ".join(map(str, damaged[:10])) + (", ..." if damaged[10:] else "")
        warn_once(
            f"{path}:{damaged[0]}: damaged, and passed over (lines {lines}); the other "
            f"{len(entries)} evaluations count. The file as it is goes to "
            f"{path.stem}.damaged when the next evaluation is written"
        )
    return [entries[step] for step in sorted(entries)], damaged


def _entry(line):
    """{"step", "metrics"} of a line, or None where it is damaged."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    step, metrics = entry.get("step"), entry.get("metrics")
    if type(step) is not int or step < 0 or not isinstance(metrics, dict):
        return None
    if not all(type(value) in (int, float) for value in metrics.values()):
        return None
    return {"step": step, "metrics": {k: float(v) for k, v in metrics.items()}}
