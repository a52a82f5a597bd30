"""Import: weights of the old API in, a checkpoint of ours out.

The output directory appears whole or not at all:

    pipeline.config       the given one, and what the old network needs of it
    ckpt-0.*, checkpoint  every weight of the model
    import.json           what became of each tensor
"""

import json
import pathlib

import keras
import tensorflow as tf
from absl import logging

from od_api.checkpoints import checkpoint_files
from od_api.checkpoints.checkpoint_paths import load
from od_api.checkpoints.fine_tune import is_keras_weights, restore_partial, take
from od_api.checkpoints.importing.import_report import report_of
from od_api.checkpoints.importing.old_networks import with_old_network
from od_api.checkpoints.importing.old_sources import source_of
from od_api.checkpoints.importing.old_weights import read_old_weights
from od_api.config.compatibility import check_compatibility
from od_api.config.loading import write_config
from od_api.core import variables
from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.core.registry import build_field
from od_api.system.new_folders import appears_whole, check_new_folder


def import_checkpoint(config, source, output_dir, *, kind="", moving_averages=False):
    """Writes the weights of a file of another program as a checkpoint of od_api.

    Args:
      config: TrainEvalPipelineConfig of the model that was trained.
      source: what `importing/old_weights.py` reads, or a Keras weight file.
      output_dir: directory to create; an empty one may exist.
      kind: as fine_tune_checkpoint_type: the parts to take, of which other parts keep
        their initial weights. Empty takes all, or what there is of a file that holds a
        classification network alone.
      moving_averages: takes the averages of the weights that the file keeps instead.

    Returns:
      The report, a dict; import.json has the same.

    Raises:
      UserError: nothing to import, or it does not fit. Nothing is left behind.
    """
    output_dir = pathlib.Path(output_dir)
    check_new_folder(output_dir)
    check_compatibility(config)
    keras.utils.set_random_seed(config.train_config.seed)
    old = _read(source, moving_averages)
    settings = []
    if old is not None:
        config, settings = with_old_network(config, old)
    detector = build_field(config, "model")
    named = variables.named_variables(detector.parts)
    found = source_of(old, named, detector.parts) if old else None
    if found:
        taken = take(found.path, named, kind or _kind(found), found.values, found)
    else:
        kind = kind or "classification"
        taken = restore_partial(source, named, kind, detector.load_weights)
    report = report_of(source, found, taken, settings)
    _write(output_dir, config, _groups(config, detector, named, found, taken), report)
    logging.info("imported to %s", output_dir)
    return report


def _read(source, moving_averages):
    """OldWeights, or None of a Keras weight file."""
    if is_keras_weights(source):
        if moving_averages:
            raise UserError(f"{printable(source)} keeps no moving averages")
        return None
    old = read_old_weights(source)
    if old is None:
        prefix = load(source).prefix  # says what is wrong, if anything
        raise UserError(
            f"{printable(prefix)} is a checkpoint of od_api already: use it as it is"
        )
    if not moving_averages:
        return old
    if not old.averages:
        raise UserError(
            f"{printable(old.path)} keeps no moving averages: import its weights, "
            "without --moving-averages"
        )
    return old._replace(arrays={**old.arrays, **old.averages}, averages={})


def _kind(found):
    """What there is to take: everything, or the backbone of a classifier."""
    parts = {name.partition("/")[0] for name in found.values}
    return "full" if parts - {"backbone"} else "classification"


def _groups(config, detector, named, found, taken):
    """{group: {name: value}} of the checkpoint."""
    groups = {"model": {name: tf.identity(v) for name, v in named.items()}}
    train = config.train_config
    if train.HasField("optimizer") and train.optimizer.use_moving_average:
        # Where an optimizer keeps averages, they are what is evaluated.
        averages = found.averages if found else {}
        restored = set(taken.restored)
        groups["ema"] = {
            name: averages[name] if name in averages and name in restored else value
            for name, value in variables.trainable_variables(detector.parts).items()
        }
    return groups


def _write(output_dir, config, groups, report):
    text = json.dumps(report, indent=1) + "\n"
    try:
        with appears_whole(output_dir) as partial:
            write_config(config, partial / "pipeline.config")
            step = tf.constant(0, tf.int64)
            checkpoint_files.write_whole(groups, step, str(partial / "ckpt-0"))
            checkpoint = 'model_checkpoint_path: "ckpt-0"\n'
            (partial / "checkpoint").write_text(checkpoint)
            (partial / "import.json").write_text(text, encoding="utf-8")
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise UserError(
            f"cannot write {printable(output_dir)}: "
            f"{printable(reason.splitlines()[0])}. Nothing was imported"
        ) from error
