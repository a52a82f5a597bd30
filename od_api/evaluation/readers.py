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
    if not config.eval_input_reader:
        raise ConfigError("is empty: nothing to evaluate on", "eval_input_reader")
    count = len(config.eval_input_reader)
    sources = [EvaluationInput(config, i) for i in range(count)]
    readers, seen = [], set()
    for i, source in enumerate(sources):
        place = f"eval_input_reader[{i}]"
        _check_name(source.name, f"{place}.name")
        source.check()
        if source.name in seen:
            raise ConfigError(
                f"is {source.name!r} as before: two reports need two names",
                f"{place}.name",
            )
        reader = _measured(source, config, is_first=not seen)
        seen.add(source.name)
        if reader.needs_masks and not config.eval_input_reader[i].load_instance_masks:
            raise ConfigError(
                "is false, but the metrics_set measures masks: set it to true",
                f"{place}.load_instance_masks",
            )
        readers.append(reader)
    return readers


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
