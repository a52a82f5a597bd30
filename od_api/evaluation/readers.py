"""The eval_input_readers of a config, checked before anything is evaluated."""

from typing import NamedTuple

from od_api.core.errors import ConfigError, UserError
from od_api.data.inputs import EvaluationInput, finds_boxes
from od_api.metrics import build_evaluators
from od_api.system.path_names import one_name


class Reader(NamedTuple):
    """An eval_input_reader, and what is measured on its records.

    Attributes:
      source: EvaluationInput.
      metric_names: as `Evaluation.run` names them: those of the second and later
        readers as `name/metric`.
      needs_masks: whether one of the metrics is of masks.
    """

    source: EvaluationInput
    metric_names: list
    needs_masks: bool


def readers_of(config):
    """[Reader] of a TrainEvalPipelineConfig.

    Bad records, and metrics that do not exist, must not wait for the first evaluation.

    Raises:
      UserError: records that cannot be read.
      ConfigError: no reader; a name that is no name of a folder, or given twice; a
        metric that does not exist; masks that are measured and not read.
    """
    refuse_no_readers(config)
    count = len(config.eval_input_reader)
    sources = [EvaluationInput(config, i) for i in range(count)]
    refuse_names(config)
    readers = []
    for i, source in enumerate(sources):
        source.check()
        reader = _measured(source, config, is_first=not readers)
        if reader.needs_masks:
            refuse_unread_masks(config, i)
        readers.append(reader)
    return readers


def refuse_no_readers(config):
    """Raises ConfigError where there is nothing to evaluate on."""
    if not config.eval_input_reader:
        raise ConfigError(
            "is empty: nothing to evaluate on; name records in it, or to train alone "
            "remove eval_config",
            "eval_input_reader",
        )


def refuse_names(config):
    """Raises ConfigError for a reader's name that is none, or there twice."""
    seen = set()
    for i, reader in enumerate(config.eval_input_reader):
        field = f"eval_input_reader[{i}].name"
        _check_name(reader.name, field)
        if reader.name in seen:
            raise ConfigError(
                f"is {reader.name!r} as before: two reports need two names", field
            )
        seen.add(reader.name)


def refuse_unread_masks(config, index):
    """Raises ConfigError where an eval_input_reader does not read masks."""
    if not config.eval_input_reader[index].load_instance_masks:
        raise ConfigError(
            "is false, but the metrics_set measures masks: set it to true",
            f"eval_input_reader[{index}].load_instance_masks",
        )


def refuse_without_masks(detections):
    """Raises ConfigError for Detections without masks, where masks are measured."""
    if detections.masks is None:
        raise ConfigError(
            "measures masks, but the model predicts none", "eval_config.metrics_set"
        )


def _measured(source, config, is_first):
    evaluators = build_evaluators(
        config.eval_config, source.label_map, finds_boxes(config)
    )
    prefix = "" if is_first else f"{source.name}/"
    names = [prefix + name for e in evaluators for name in e.result()]
    return Reader(source, names, any(e.needs_masks for e in evaluators))


def _check_name(name, field):
    """Refuses a reader's name that is no name of a folder: its report goes there."""
    try:
        one_name(name or "eval", "name of a reader")
    except UserError as error:
        raise ConfigError(str(error), field) from error
