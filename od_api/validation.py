"""Evaluation of a run while it trains: the best checkpoint, and when to stop."""

import time

from absl import logging

from od_api.core.progress import duration
from od_api.evaluate import Evaluation
from od_api.history import History, check_best_metric


class Validation:
    """Evaluates between two steps, in the process that trains.

    Where several processes train in step, all evaluate, since they must agree on when
    to stop; only one of them writes.

    Args:
      config: TrainEvalPipelineConfig.
      state: TrainingState.
      model_dir: where reports, history and the best checkpoint go.
      writes: whether this process writes them.
    """

    def __init__(self, config, state, model_dir, writes):
        self._evaluation = None
        if config.eval_input_reader:
            output_dir = model_dir if writes else None
            self._evaluation = Evaluation(config, state.detector, output_dir)
            check_best_metric(config.eval_config, self._evaluation.metric_names)
        else:
            logging.warning("no eval_input_reader: training without evaluation")
        self._state, self._writes = state, writes
        self._history = History(model_dir, config.eval_config, state.step, writes)

    def run(self, step):
        """Evaluates the averaged weights; returns the metrics."""
        if self._evaluation is None:
            return {}
        started = time.monotonic()
        with self._state.averaged_weights():
            metrics = self._evaluation.run(step)
        if self._history.add(step, metrics) and self._writes:
            metric = self._history.metric
            self._state.keep_as_best(metric, metrics[metric])
        logging.info("evaluated in %s", duration(time.monotonic() - started))
        return metrics

    def should_stop(self):
        """Whether early stopping is on and its patience used up; logs why."""
        return _should_stop(self._history)


class ValidationElsewhere:
    """An evaluator in a process of its own; here its findings are read.

    Args: as `Validation`.
    """

    def __init__(self, config, state, model_dir):
        self._settings, self._state = config.eval_config, state
        self._model_dir = model_dir
        if config.eval_input_reader:
            logging.info(
                "evaluation runs beside training: start a task of type evaluator, or "
                "od-api eval --follow"
            )

    def run(self, step):
        """The evaluator's metrics of this step come later, to eval/ and its history."""
        del step
        return {}

    def should_stop(self):
        """As `Validation.should_stop`, by what the evaluator has found so far."""
        step = self._state.step
        return _should_stop(History(self._model_dir, self._settings, step, False))


def _should_stop(history):
    if not history.should_stop():
        return False
    logging.info("stopping early: %s", history.why())
    return True
