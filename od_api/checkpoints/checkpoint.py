"""Saving and resuming a training run.

`<model_dir>/ckpt-N` is the state after N steps; the old API counted saves instead. The
best one of a run is kept by `best_checkpoint.py`.
"""

import os
import tempfile

import tensorflow as tf
from absl import logging

from od_api.checkpoints import checkpoint_files as files
from od_api.checkpoints.checkpoint_paths import load
from od_api.checkpoints.finite_weights import refuse_not_finite
from od_api.checkpoints.likely_fields import likely_field
from od_api.core.errors import UserError
from od_api.core.variables import fetched


def latest(model_dir):
    """The prefix of the newest whole checkpoint of a directory, or None.

    Raises:
      UserError: there are checkpoints, but all of them are damaged.
    """
    candidates = list(files.numbered(model_dir).values())
    for prefix in reversed(candidates):
        if files.is_whole(prefix):
            return prefix
        logging.warning("%s is damaged and passed over", prefix)
    if candidates:
        names = ", ".join(os.path.basename(c) for c in candidates)
        raise UserError(
            f"every checkpoint of {model_dir} is damaged ({names}): delete them to "
            "start from step 0"
        )
    return None


class Checkpoints:
    """Saves and restores everything that an exact resume needs.

    Args:
      model_dir: where the files go.
      step: tf.Variable, int64 scalar: the steps done.
      model: {name: tf.Variable}: weights and batch-norm statistics.
      optimizer: {name: tf.Variable}: `optimizer.slot_variables()`.
      ema: {name: tf.Variable}: `ema.slot_variables()`.
      schemes: {name: tf.Variable}: what batch schemes remember.
      max_to_keep: older ones are deleted; 0 keeps all.
    """

    def __init__(
        self,
        model_dir,
        *,
        step,
        model,
        optimizer=None,
        ema=None,
        schemes=None,
        max_to_keep=7,
    ):
        self._dir = os.fspath(model_dir)
        files.refuse_wildcards(self._dir)
        self._step = step
        self._groups = {
            "model": dict(model),
            "optimizer": dict(optimizer or {}),
            "ema": dict(ema or {}),
            "schemes": dict(schemes or {}),
        }
        self._max_to_keep = max_to_keep
        self._current = None

    def save(self):
        """Write `ckpt-N` for the current step N, then delete the oldest ones.

        Whatever happens meanwhile, the directory holds the new checkpoint whole or not
        at all, and the ones before it are untouched. A step that was saved or restored
        here already is not written again: replacing the newest checkpoint would be the
        one moment in which a kill could cost it.

        Returns:
          The prefix.

        Raises:
          TrainingDiverged: something is not finite; nothing is written.
          UserError: the disk is full, or cannot be written to.
        """
        step = int(self._step.numpy())
        prefix = os.path.join(self._dir, f"ckpt-{step}")
        if prefix == self._current and files.is_whole(prefix):
            return prefix
        groups = fetched(self._groups)
        refuse_not_finite(step, groups)
        with files.disk_errors(prefix):
            files.write_whole(groups, tf.constant(step, tf.int64), prefix)
            self._prune(prefix)
        self._current = prefix
        return prefix

    def rehearse(self):
        """Does what `save` does, but with empty tensors and in a folder that goes away.

        TensorFlow tells every worker of each kind of op that it meets for the first
        time, and one that is stopped would hold that up: so the chief of asynchronous
        training meets all of them before the first step.
        """
        groups = {
            group: {name: tf.zeros([0], value.dtype) for name, value in tensors.items()}
            for group, tensors in fetched(self._groups).items()
        }
        refuse_not_finite(0, groups)
        with tempfile.TemporaryDirectory() as folder:
            prefix = os.path.join(folder, "ckpt-0")
            files.write_whole(groups, tf.constant(0, tf.int64), prefix)

    def latest(self):
        """The prefix of the newest whole checkpoint, or None."""
        return latest(self._dir)

    def restore_full(self, path=None):
        """Make every variable what it was: weights, slots, averages, step.

        Nothing is assigned unless everything fits.

        Args:
          path: a checkpoint; None means the newest whole one of `model_dir`.

        Returns:
          The step, or None if there is no checkpoint to resume from.

        Raises:
          UserError: it does not fit; the message names the first tensors that differ.
        """
        path = path or self.latest()
        if path is None:
            return None
        prefix, groups, step = load(path)
        wanted = _flat(self._groups)
        values = _flat(groups)
        check_fit(
            prefix,
            wanted,
            values,
            "To resume, the config must be the one of that run. To start a new run "
            "from these weights, set fine_tune_checkpoint and an empty model_dir",
        )
        _log_unused(prefix, wanted, values)
        for label, variable in wanted.items():
            variable.assign(values[label])
        self._step.assign(step)
        self._current = prefix
        return step

    def tidy(self):
        """Remove what a killed save of a run before has left behind."""
        with files.disk_errors(self._dir):
            files.sweep(self._dir)
            if self._current:
                self._list(self._others(self._current), self._current)

    def _prune(self, newest):
        kept, dropped = self._others(newest), []
        if self._max_to_keep:
            cut = max(0, len(kept) - (self._max_to_keep - 1))
            dropped, kept = kept[:cut], kept[cut:]
        self._list(kept, newest)
        for prefix in dropped:
            files.remove(prefix)

    def _others(self, newest):
        return [p for p in files.numbered(self._dir).values() if p != newest]

    def _list(self, kept, newest):
        # TensorFlow's own tools look here; it never names a file that is gone.
        names = [os.path.basename(p) for p in (*kept, newest)]
        lines = [f'model_checkpoint_path: "{names[-1]}"']
        lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
        files.write_text(os.path.join(self._dir, "checkpoint"), "\n".join(lines) + "\n")


def restore_model(path, variables, moving_averages=False):
    """Load a model for evaluation or export: its weights, and no optimizer.

    Args:
      path: a checkpoint of ours: prefix, file or directory, or a `Loaded` one.
      variables: {name: tf.Variable}, all of the model.
      moving_averages: where a variable has an average, load that one.

    Returns:
      The step of the checkpoint.

    Raises:
      UserError: no such checkpoint, it does not fit, or it has no averages.
    """
    prefix, groups, step = load(path)
    values = dict(groups["model"])
    if moving_averages:
        if not groups.get("ema"):
            raise UserError(
                f"{prefix} holds no moving averages: it was trained with "
                "use_moving_average: false, so evaluate it without them"
            )
        values.update(groups["ema"])
    cure = "The config must describe the model that was trained"
    check_fit(prefix, variables, values, cure)
    for name, variable in variables.items():
        variable.assign(values[name])
    return step


def check_fit(prefix, variables, values, cure, origins=None):
    """Raise a UserError unless every variable has a value of its shape.

    Args:
      prefix: the checkpoint, for the message.
      variables: {name: tf.Variable}.
      values: {name: array}; more names than variables are fine.
      cure: the sentence that ends the message.
      origins: {name: what another program called the value}, for the message.
    """
    problems, likely = [], ""
    for name, variable in variables.items():
        shape = list(variable.shape)
        label = f"{name} ({origins[name]})" if name in (origins or ()) else name
        if name not in values:
            problems.append(f"{name} {shape} is not in the checkpoint")
        elif list(values[name].shape) != shape:
            found = list(values[name].shape)
            problems.append(
                f"{label} is {found} in the checkpoint, {shape} in the model"
            )
            likely = likely or likely_field(name)
        elif not _is_same_kind(values[name], variable):
            problems.append(
                f"{name} is of type {values[name].dtype} in the checkpoint, "
                f"{tf.as_dtype(variable.dtype).name} in the model"
            )
    if problems:
        hint = f"Look at {likely} first. " if likely else ""
        raise UserError(
            f"{prefix} does not fit: {len(problems)} of {len(variables)} tensors "
            f"differ; {'; '.join(problems[:3])}. {hint}{cure}"
        )


def _is_same_kind(value, variable):
    """Whether both are floats, or both integers."""
    is_float = tf.as_dtype(variable.dtype).is_floating
    return value.dtype.kind in ("fV" if is_float else "iu")


def _flat(groups):
    return {
        f"{g}/{n}": value for g, names in groups.items() for n, value in names.items()
    }


def _log_unused(prefix, wanted, values):
    unused = sorted(set(values) - set(wanted))
    if unused:
        logging.warning(
            "%d tensors of %s are not used: %s ...", len(unused), prefix, unused[:3]
        )
