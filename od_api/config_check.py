"""`od-api config check`: would training, evaluation and export accept a config?

They are asked themselves: readers are made, parts are built and a step is traced by the
functions that a run calls. Only records and checkpoints are not opened unless one asks
for it.
"""

import gc
import json
import sys

from keras.utils import clear_session

from od_api.checkpoints.fine_tune import refuse_missing
from od_api.config.compatibility import (
    compatibility_notes,
    refuse_uncompilable,
    unsupported,
)
from od_api.config.loading import load_config, locate
from od_api.config.meaningless_settings import refuse_meaningless
from od_api.config.memory_bound import refuse_too_large
from od_api.config_checks.asking import refusals
from od_api.config_checks.opened_files import file_errors
from od_api.config_checks.parts import Parts, trains
from od_api.config_checks.reader_checks import evaluation_errors, reader_errors
from od_api.config_checks.rehearsal import rehearsal_errors
from od_api.core.errors import ConfigError, MissingFile, MissingPart, UserError
from od_api.core.field_ranges import range_faults
from od_api.core.printable import printable
from od_api.data.schemes import read_by_schemes

# A batch that as many machines like this one cannot share is none of any cluster.
MOST_MACHINES = 64

# Outcomes. A config that asks for a part that od_api lacks is not wrong.
BUILDS, PARSES_ONLY, INVALID = "builds", "parses_only", "invalid"

# How far a check goes: NAMES leaves files out, EXIST looks for them, OPEN reads them.
NAMES, EXIST, OPEN = range(3)


def check_configs(paths, output_format="text", files=EXIST, overrides=()):
    """Checks several configs and prints one record for each.

    Args:
      paths: config files.
      output_format: "text", or "json" for a list of the records of `check_config`.
      files, overrides: as `check_config`.

    Returns:
      Exit status: 0 when all are good, else 2.
    """
    records = []
    for path in paths:
        records.append(check_config(path, files, overrides))
        # Otherwise the models of all configs would be in memory at once.
        clear_session()
        gc.collect()
    if output_format == "json":
        print(json.dumps(records, indent=2))
    else:
        for record in records:
            _print(record)
    return 0 if all(r["outcome"] == BUILDS for r in records) else 2


def _print(record):
    if record["outcome"] == BUILDS:
        lines = [f"ok: {record['path']}", *record["notes"]]
        print("\n  ".join(printable(text) for text in lines))
        return
    for message in record["message"].split("\n"):
        print(f"error: {printable(message)}", file=sys.stderr)


def check_config(path, files=EXIST, overrides=(), rehearse=True):
    """{path, outcome, message, missing, notes} of one config.

    Args:
      path: of the config.
      files: NAMES, EXIST or OPEN: what is asked of the files that it names.
      overrides: as `load_config`.
      rehearse: whether a step is traced, which takes seconds.

    Returns:
      A dict. outcome: "builds", "parses_only" where nothing but parts of od_api are
      missing, else "invalid". message: a line for each error. missing: the fields of
      parts that od_api does not have. notes: what has no effect, or one it did not
      have before.
    """
    record = {"path": str(path), "outcome": BUILDS, "message": ""}
    record |= {"missing": [], "notes": []}
    try:
        config = load_config(path, overrides)
    except UserError as error:
        return {**record, "outcome": INVALID, "message": _line(error)}
    errors, _ = config_errors(config, files, rehearse)
    if errors:
        lines = error_lines(errors, path, overrides)
        missing = [e.field_path for e in errors if isinstance(e, MissingPart)]
        return {
            **record,
            "outcome": _outcome(errors),
            "message": "\n".join(lines),
            "missing": list(dict.fromkeys(missing)),
        }
    record["notes"] = [*_without(config), *compatibility_notes(config)]
    # Several machines may share the batch.
    for error in refusals(_refuse_too_large, config):
        record["notes"].append(str(error))
    return record


def _without(config):
    """What a config that is right for something does not say, and who needs it."""
    if not trains(config):
        yield "there is no train_config: od-api train refuses this config"
    if not config.eval_input_reader:
        yield "there is no eval_input_reader: od-api eval refuses this config"


def _outcome(errors):
    """Files may be elsewhere; a part that is missing is missing whatever they hold."""
    others = [e for e in errors if not isinstance(e, MissingFile)]
    if others and all(isinstance(e, MissingPart) for e in others):
        return PARSES_ONLY
    return INVALID


def error_lines(errors, path, overrides=()):
    """A line for each error, with its place in the file."""
    lines = (_line(locate(error, path, overrides)) for error in errors)
    return list(dict.fromkeys(lines))


def config_errors(config, files, rehearse):
    """([ConfigError] of each thing that is wrong, Parts that were built or None).

    The costly looks come last.
    """
    outside = list(range_faults(config))
    errors = outside + list(_setting_errors(config))
    # A part with a value outside its range would say it again.
    parts = None if outside else Parts(config)
    if parts:
        errors += parts.errors
    errors += evaluation_errors(config)
    errors += reader_errors(config, files=False)
    if files >= EXIST:
        errors += _missing_files(config, whole=not errors)
    if not errors and rehearse:
        errors += rehearsal_errors(config, parts)
    if not errors and files == OPEN:
        errors += file_errors(config)
    return errors, parts


def _setting_errors(config):
    yield from unsupported(config)
    yield from refusals(refuse_meaningless, config)
    yield from refusals(refuse_uncompilable, config)
    yield from refusals(_refuse_too_large, config, MOST_MACHINES)


def _missing_files(config, whole):
    """Of a config that is whole but for them, of others the checkpoint alone."""
    if trains(config):
        yield from refusals(refuse_missing, config.train_config)
    if whole:
        yield from reader_errors(config, files=True)


def _refuse_too_large(config, shares=1):
    try:
        read = read_by_schemes(config.train_config)
    except ConfigError:
        read = None  # Parts say why
    refuse_too_large(config, shares, read=read)


def _line(error):
    """An error on one line."""
    return " ".join(str(error).split("\n"))
