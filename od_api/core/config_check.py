"""`od-api config check`: does a config parse, and does everything it names exist?"""

import json
import sys

from od_api.core.compatibility import (
    compatibility_notes,
    refuse_uncompilable,
    refuse_unsupported,
)
from od_api.core.config import load_config, locate
from od_api.core.errors import ConfigError
from od_api.core.registry import build, build_field
from od_api.core.run_settings import refuse_meaningless


def check_configs(paths, output_format="text"):
    """Checks several configs and prints one record for each.

    Args:
      paths: config files.
      output_format: "text", or "json" for a list of {path, outcome, message}.

    Returns:
      Exit status: 0 when all are good, else 2.
    """
    records = [check_config(path) for path in paths]
    if output_format == "json":
        print(json.dumps(records, indent=2))
    else:
        for record in records:
            line = f"{record['outcome']}: {record['path']}"
            if record["outcome"] == "ok":
                print("\n  ".join([line, *record["notes"]]))
            else:
                print(f"error: {record['message']}", file=sys.stderr)
    return 0 if all(r["outcome"] == "ok" for r in records) else 2


def check_config(path):
    """{path, outcome: "ok" or "error", message, notes} of one config.

    The notes name the fields that have no effect, or one they did not have before.
    """
    record = {"path": str(path), "outcome": "ok", "message": "", "notes": []}
    try:
        config = load_config(path)
        refuse_unsupported(config)
        refuse_meaningless(config)
        refuse_uncompilable(config)
        record["notes"] = compatibility_notes(config)
        build_parts(config)
    except ConfigError as error:
        record["outcome"] = "error"
        record["message"] = str(locate(error, path))
    return record


def build_parts(config):
    """Builds every part that a config names, for the errors this raises."""
    build_field(config, "model")
    if not config.HasField("train_config"):
        return
    try:
        if config.train_config.HasField("optimizer"):
            build_field(config.train_config, "optimizer")
        for i, step in enumerate(config.train_config.data_augmentation_options):
            _build_step(step, f"data_augmentation_options[{i}]")
    except ConfigError as error:
        raise error.within("train_config") from error


def _build_step(step, name):
    try:
        build(step)
    except ConfigError as error:
        raise error.within(name) from error
