"""Input readers, and what is measured on their records."""

import pathlib

from od_api.config_checks.asking import refusals
from od_api.config_checks.parts import trains
from od_api.core.errors import ConfigError, UserError
from od_api.data.inputs import EvaluationInput, TrainingInput, finds_boxes
from od_api.data.label_map import LabelMap
from od_api.evaluation.readers import (
    refuse_names,
    refuse_no_readers,
    refuse_unread_masks,
)


def reader_errors(config, files):
    """Yields a ConfigError for each reader that training or evaluation refuses.

    Args:
      config: TrainEvalPipelineConfig.
      files: whether the files that readers name are looked for, and label maps read.
    """
    yield from refusals(refuse_names, config)
    if config.HasField("eval_config"):
        yield from refusals(refuse_no_readers, config)
    if trains(config) or config.HasField("train_input_reader"):
        yield from refusals(TrainingInput, config, files=files)
    for i in range(len(config.eval_input_reader)):
        yield from refusals(EvaluationInput, config, i, files=files)


def evaluation_errors(config):
    """Yields a ConfigError for metrics that do not exist or cannot be measured."""
    # Metrics load pycocotools, which the rest of the check does without.
    from od_api.metrics.metrics_sets import build_evaluators
    from od_api.training.history import check_best_metric, with_best_metric

    label_map, known = _label_map(config)
    try:
        boxes = finds_boxes(config)
        evaluators = build_evaluators(config.eval_config, label_map, boxes)
        names = [name for e in evaluators for name in e.result()]
    except UserError as error:
        if not isinstance(error, ConfigError):
            error = ConfigError(str(error), "eval_config.metrics_set")
        yield error
        return
    config = with_best_metric(config, names)
    metric = config.eval_config.best_metric
    for reader in config.eval_input_reader[1:]:
        metric = metric.removeprefix(f"{reader.name}/")
    # Which classes there are matters to some names.
    by_class = "ByCategory" in metric and not known
    if metric == config.eval_config.best_metric and not by_class:
        yield from refusals(check_best_metric, config.eval_config, names)
    if measures_masks(config):
        for i in range(len(config.eval_input_reader)):
            yield from refusals(refuse_unread_masks, config, i)


def measures_masks(config):
    """Whether the metrics of a config, which exist, are of masks."""
    from od_api.metrics.metrics_sets import build_evaluators

    label_map, _ = _label_map(config)
    boxes = finds_boxes(config)
    evaluators = build_evaluators(config.eval_config, label_map, boxes)
    return any(evaluator.needs_masks for evaluator in evaluators)


def _label_map(config):
    """(label map of the evaluation, whether it is the real one)."""
    for reader in config.eval_input_reader:
        if pathlib.Path(reader.label_map_path or "/").is_file():
            try:
                return LabelMap.load(reader.label_map_path), True
            except UserError:
                break
    return LabelMap.from_names(["class"]), False
