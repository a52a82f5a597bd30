"""`od-api config check`: would training, evaluation and export accept a config?

Everything is looked at that needs no data: what parses, each value, each part, the
optimizer, the names of metrics and of readers.
"""

import json
import pathlib
import sys

from od_api.checkpoints.restored_detector import as_inferring
from od_api.config.compatibility import (
    compatibility_notes,
    refuse_uncompilable,
    refuse_unsupported,
)
from od_api.config.loading import load_config, locate
from od_api.config.meaningless_settings import refuse_meaningless
from od_api.config.memory_bound import refuse_too_large
from od_api.core.errors import ConfigError, UserError
from od_api.core.field_ranges import range_faults
from od_api.core.printable import printable
from od_api.core.registry import build, build_field
from od_api.data.chip_index import check_chips
from od_api.data.inputs import finds_boxes
from od_api.data.schemes import Schemes, read_by_schemes

# A batch that as many machines like this one cannot share is none of any cluster.
MOST_MACHINES = 64


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
                lines = [line, *record["notes"]]
                print("\n  ".join(printable(text) for text in lines))
            else:
                for message in record["message"].split("\n"):
                    print(f"error: {printable(message)}", file=sys.stderr)
    return 0 if all(r["outcome"] == "ok" for r in records) else 2


def check_config(path):
    """{path, outcome: "ok" or "error", message, notes} of one config.

    The message has a line for each error. The notes name the fields that have no
    effect, or one they did not have before.
    """
    record = {"path": str(path), "outcome": "ok", "message": "", "notes": []}
    try:
        config = load_config(path)
    except UserError as error:
        return {**record, "outcome": "error", "message": _line(error)}
    errors = list(_errors(config))
    if errors:
        lines = dict.fromkeys(_line(locate(error, path)) for error in errors)
        return {**record, "outcome": "error", "message": "\n".join(lines)}
    record["notes"] = compatibility_notes(config)
    # Several machines may share the batch.
    for error in _raised(_refuse_too_large, config):
        record["notes"].append(str(error))
    return record


def build_parts(config):
    """Builds every part that a config names, for the errors this raises."""
    for error in _part_errors(config):
        raise error


def _errors(config):
    """Yields a ConfigError for each thing that is wrong."""
    outside = list(range_faults(config))
    yield from outside
    yield from _raised(refuse_unsupported, config)
    yield from _raised(refuse_meaningless, config)
    yield from _raised(refuse_uncompilable, config)
    yield from _raised(_refuse_too_large, config, MOST_MACHINES)
    # A part with a value outside its range would say it again.
    if not outside:
        yield from _part_errors(config)
    yield from _evaluation_errors(config)
    yield from _reader_errors(config)


def _part_errors(config):
    yield from _raised(_build_detector, config)
    if not config.HasField("train_config"):
        return
    settings = config.train_config
    if settings.HasField("optimizer") or config.HasField("train_input_reader"):
        yield from _raised(build_field, settings, "optimizer", within="train_config")
    for i, step in enumerate(settings.data_augmentation_options):
        name = f"train_config.data_augmentation_options[{i}]"
        yield from _raised(build, step, within=name)
    yield from _raised(_check_schemes, config)


def _refuse_too_large(config, shares=1):
    try:
        read = read_by_schemes(config.train_config)
    except ConfigError:
        read = None  # _check_schemes says why
    refuse_too_large(config, shares, read=read)


def _check_schemes(config):
    settings = config.train_config
    schemes = Schemes(settings, settings.jit_compile)
    if schemes.observe_losses:
        schemes.refuse_silent(build_field(config, "model"))


def _build_detector(config):
    as_inferring(config, build_field(config, "model"))


def _evaluation_errors(config):
    """Metrics that do not exist; which classes there are matters to some names."""
    # Metrics load pycocotools, which the rest of the check does without.
    from od_api.metrics.metrics_sets import build_evaluators
    from od_api.training.history import check_best_metric, with_best_metric

    label_map, known = _label_map(config)
    try:
        boxes = finds_boxes(config)
        evaluators = build_evaluators(config.eval_config, label_map, boxes)
    except ConfigError as error:
        yield error
        return
    names = [name for e in evaluators for name in e.result()]
    config = with_best_metric(config, names)
    metric = config.eval_config.best_metric
    for reader in config.eval_input_reader[1:]:
        metric = metric.removeprefix(f"{reader.name}/")
    by_class = "ByCategory" in metric and not known
    if metric == config.eval_config.best_metric and not by_class:
        yield from _raised(check_best_metric, config.eval_config, names)
    needs = any(e.needs_masks for e in evaluators)
    for i, reader in enumerate(config.eval_input_reader):
        if needs and not reader.load_instance_masks:
            yield ConfigError(
                "is false, but the metrics_set measures masks: set it to true",
                f"eval_input_reader[{i}].load_instance_masks",
            )


def _reader_errors(config):
    readers = [(f"eval_input_reader[{i}]", r) for i, r in _numbered(config)]
    if config.HasField("train_input_reader"):
        readers.append(("train_input_reader", config.train_input_reader))
    seen = set()
    for name, reader in readers:
        if reader.HasField("chips"):
            training = name == "train_input_reader"
            compiled = training and config.train_config.jit_compile
            chips = (check_chips, reader.chips, training, compiled)
            yield from _raised(*chips, within=f"{name}.chips")
        if name.startswith("eval") and reader.name in seen:
            yield ConfigError(
                f"is {reader.name!r} as before: two reports need two names",
                f"{name}.name",
            )
        seen.add(reader.name)
        weights = len(reader.sample_from_datasets_weights)
        paths = len(reader.tf_record_input_reader.input_path)
        if weights and weights != paths:
            yield ConfigError(
                f"has {weights} weights for {paths} input_path",
                f"{name}.sample_from_datasets_weights",
            )
        if name == "train_input_reader" and reader.max_number_of_boxes < 1:
            problem = f"must be at least 1, not {reader.max_number_of_boxes}"
            yield ConfigError(problem, f"{name}.max_number_of_boxes")


def _numbered(config):
    return list(enumerate(config.eval_input_reader))


def _label_map(config):
    """(label map of the evaluation, whether it is the real one)."""
    from od_api.data.label_map import LabelMap

    for reader in config.eval_input_reader:
        if pathlib.Path(reader.label_map_path or "/").is_file():
            try:
                return LabelMap.load(reader.label_map_path), True
            except UserError:
                break
    return LabelMap.from_names(["class"]), False


def _raised(check, *arguments, within=""):
    try:
        check(*arguments)
    except ConfigError as error:
        yield error.within(within) if within else error


def _line(error):
    """An error on one line."""
    return " ".join(str(error).split("\n"))
