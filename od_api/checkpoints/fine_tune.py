"""Starting a new run from the weights of another: `fine_tune_checkpoint`."""

import difflib
import os
from typing import NamedTuple

from absl import logging

from od_api.checkpoints.checkpoint import check_fit
from od_api.checkpoints.checkpoint_paths import load, resolve
from od_api.checkpoints.importing.old_sources import old_source
from od_api.checkpoints.importing.old_weights import begins
from od_api.core.errors import ConfigError, MissingFile, UserError
from od_api.layers.low_rank_conv import with_factors

_KERAS = (".h5", ".keras")
_HDF5 = b"\x89HDF"
_KINDS = {
    "classification": "the backbone",
    "detection": "everything but the heads",
    "full": "everything",
}


class Report(NamedTuple):
    """What became of each tensor.

    Attributes:
      restored: names of variables that got the checkpoint's value.
      new: names of variables that keep their initial value.
      unused: names of the checkpoint's model tensors that went nowhere.
      mismatched: (name, checkpoint's shape, model's shape); such a variable keeps its
        initial value too, and is not in `new`.
    """

    restored: list
    new: list
    unused: list
    mismatched: list

    def __str__(self):
        """`N restored / N new / N unused`, and below it the counts of each part."""
        lists = self.restored, self.new, self.unused, [m[0] for m in self.mismatched]
        titles = "restored", "new", "unused", "other shape"
        head = " / ".join(
            f"{len(names)} {title}"
            for names, title in zip(lists, titles, strict=True)
            if names or title != "other shape"
        )
        parts = sorted({_part(name) for names in lists for name in names})
        width = max(map(len, parts), default=0)
        lines = [head, " " * width + "".join(f"{title:>13}" for title in titles)]
        for part in parts:
            counts = [sum(_part(name) == part for name in names) for names in lists]
            lines.append(f"{part:<{width}}" + "".join(f"{n:>13}" for n in counts))
        for name, found, wanted in self.mismatched[:3]:
            lines.append(f"{name}: {found} in the checkpoint, {wanted} in the model")
        return "\n".join(lines)


def is_keras_weights(path):
    """Whether a path names a Keras weight file, which only the backbone can load."""
    return os.fspath(path).endswith(_KERAS) or begins(path, _HDF5)


def fine_tune_kind(settings):
    """What a TrainConfig takes of its fine_tune_checkpoint.

    Raises:
      ConfigError: a fine_tune_checkpoint_type that is none.
    """
    by_default = "classification"
    if settings.from_detection_checkpoint:
        by_default = "detection"
    try:
        return _known(settings.fine_tune_checkpoint_type or by_default)
    except UserError as error:
        field = "train_config.fine_tune_checkpoint_type"
        raise ConfigError(str(error), field) from error


def refuse_missing(settings):
    """Raises MissingFile where the fine_tune_checkpoint of a TrainConfig is none."""
    path = settings.fine_tune_checkpoint
    if not path or any(map(os.path.isfile, _old_forms(path))):
        return  # Whether it fits shows when it is read.
    try:
        resolve(path)
    except UserError as error:
        field = "train_config.fine_tune_checkpoint"
        raise MissingFile(str(error), field) from error


def _old_forms(path):
    """Files that show that a path names weights of the old API."""
    inside = ("saved_model.pb", "saved_model/saved_model.pb", "checkpoint")
    return [path, *(os.path.join(path, name) for name in inside)]


def restore_partial(path, variables, kind, load_weights=None, parts=None):
    """Load what `fine_tune_checkpoint_type` asks for, and say what was loaded.

    Args:
      path: a checkpoint of ours (prefix, file or directory), old weights (see
        `importing/old_weights.py`), or a Keras weight file.
      variables: {name: tf.Variable}, all of the model, named `backbone/...`,
        `neck/...`, `head/...`.
      kind: "classification": the backbone; "detection": everything whose first name
        part is not `head` or `..._head`; "full": everything, and all of it must fit.
      load_weights: a detector's `load_weights`; gets the path of a Keras weight file.
      parts: the detector's parts, which old weights are fitted into.

    Returns:
      Report; `str(report)` is its table.

    Raises:
      UserError: an unknown kind or path, a checkpoint of another program, a backbone of
        another shape, or no backbone tensor at all.
    """
    kind = _known(kind)
    if is_keras_weights(path):
        return _load_keras(path, variables, load_weights)
    old = old_source(path, variables, parts or {})
    if old is not None:
        for note in old.notes:
            logging.warning("%s: %s", old.path, note)
        return take(old.path, variables, kind, old.values, old)
    prefix, groups, _ = load(path)
    values = with_factors(groups["model"], variables)
    return take(prefix, variables, kind, values)


def restore_names(path, variables, names, parts):
    """Loads some variables of a model, all of which must fit.

    Args:
      path, variables, parts: as of `restore_partial`; no Keras weight file.
      names: of the variables.

    Raises:
      UserError: an unknown path, or a tensor that is missing or of another shape.
    """
    old = old_source(path, variables, parts)
    prefix, values = path, old.values if old else None
    if old is None:
        prefix, groups, _ = load(path)
        values = with_factors(groups["model"], variables)
    wanted = {n: v for n, v in variables.items() if n in names}
    cure = "Name a checkpoint of the same model"
    check_fit(prefix, wanted, values, cure, old.origins if old else None)
    for name, variable in wanted.items():
        variable.assign(values[name])


def take(prefix, variables, kind, values, old=None):
    """Assigns the values that a kind asks for, all or none; see `restore_partial`.

    Args:
      prefix: what the values are from, for messages.
      variables: {name: tf.Variable}, all of the model.
      kind: one of classification, detection and full.
      values: {name: array}, by the same names.
      old: the OldSource that the values are of, if they are.
    """
    origins = old.origins if old else None
    wanted = {n: v for n, v in variables.items() if _is_wanted(n, kind)}
    _check(prefix, wanted, values, kind, origins)
    report = _compare(variables, wanted, values, old)
    for name in report.restored:
        wanted[name].assign(values[name])
    logging.info("%s (%s: %s)\n%s", prefix, kind, _KINDS[kind], report)
    return report


def _known(kind):
    if kind == "fine_tune":
        logging.warning("fine_tune_checkpoint_type fine_tune now means detection")
        return "detection"
    if kind in _KINDS:
        return kind
    near = difflib.get_close_matches(kind, _KINDS, n=1, cutoff=0)[0]
    raise UserError(
        f"fine_tune_checkpoint_type '{kind}' is none of {', '.join(_KINDS)}: did you "
        f"mean {near}?"
    )


def _part(name):
    return name.split("/")[0]


def _is_wanted(name, kind):
    part = _part(name)
    if kind == "classification":
        return part == "backbone"
    return kind == "full" or not (part == "head" or part.endswith("_head"))


def _check(prefix, wanted, values, kind, origins):
    if kind == "full":
        cure = (
            "Set fine_tune_checkpoint_type: detection to take everything but the heads "
            "(another num_classes), or classification for the backbone alone"
        )
        check_fit(prefix, wanted, values, cure, origins)
    backbone = {n: v for n, v in wanted.items() if _part(n) == "backbone"}
    shared = {n: v for n, v in backbone.items() if n in values}
    if not shared:
        ours, theirs = list(backbone)[:2], sorted(values)[:2]
        raise UserError(
            f"{prefix} holds none of the backbone's {len(backbone)} tensors (the model "
            f"has {', '.join(ours)}; the checkpoint {', '.join(theirs)}): name a "
            "checkpoint of the same feature extractor"
        )
    cure = "Use the feature extractor, and its depth, of the checkpoint's own config"
    check_fit(prefix, shared, values, cure, origins)


def _compare(variables, wanted, values, old):
    restored, new, mismatched = [], [], []
    for name, variable in variables.items():
        shape = list(variable.shape)
        if name not in wanted or name not in values:
            new.append(name)
        elif list(values[name].shape) == shape:
            restored.append(name)
        else:
            mismatched.append((name, list(values[name].shape), shape))
    taken = {*restored, *(m[0] for m in mismatched)}
    unused = set(values) - taken
    if old:
        unused = {*old.unused, *(old.origins[name] for name in unused)}
    return Report(restored, new, sorted(unused), mismatched)


def _load_keras(path, variables, load_weights):
    if load_weights is None:
        raise UserError(
            f"{path} is a Keras weight file, and this feature extractor cannot load "
            "one: name a checkpoint instead"
        )
    try:
        load_weights(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be loaded into the feature extractor: {error}"
        ) from error
    restored = [name for name in variables if _part(name) == "backbone"]
    new = [name for name in variables if _part(name) != "backbone"]
    report = Report(restored, new, [], [])
    logging.info("%s (Keras weights of the backbone)\n%s", path, report)
    return report
