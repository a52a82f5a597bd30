"""Evaluation of a run while it trains: the best checkpoint, and when to stop."""

import time

from absl import logging

from od_api.evaluation.evaluation import Evaluation
from od_api.system.durations import duration
from od_api.training.history import History, check_best_metric, with_best_metric


class Validation:
    """Evaluates between two steps, in the process that trains.

    Where several processes train in step, all evaluate, since they must agree on when
    to stop; only one of them writes.

    Args:
      config: TrainEvalPipelineConfig.
      state: TrainingState.
      model_dir: where reports, history and the best checkpoint go.
      writes: whether this process writes them.

    Attributes:
      headline: the name of the metric that tells which checkpoint is the best.
    """

    def __init__(self, config, state, model_dir, writes):
        self._evaluation = None
        if config.eval_input_reader:
            output_dir = model_dir if writes else None
            self._evaluation = Evaluation(config, state.evaluated, output_dir)
            names = self._evaluation.metric_names
            config = with_best_metric(config, names)
            check_best_metric(config.eval_config, names)
        else:
            logging.warning("no eval_input_reader: training without evaluation")
        self._state, self._writes = state, writes
        self._history = History(model_dir, config.eval_config, state.step, writes)
        self.headline = self._history.metric

    def catch_up(self, due):
        """What a run that was killed at the step it resumes at had still to do.

        Args:
          due: whether this step is one to evaluate.

        Returns:
          The metrics of the last evaluation of the run; empty without one.
        """
        if self._evaluation is None:
            return {}
        if due and self._state.step not in self._history.steps:
            logging.info("step %d was not evaluated: done now", self._state.step)
            self.run(self._state.step)
        elif self._writes:
            self._history.keep_best()
        return self._history.latest()

    def run(self, step):
        """Evaluates the averaged weights; returns the metrics."""
        if self._evaluation is None:
            return {}
        started = time.monotonic()
        with self._state.averaged_weights():
            metrics = self._evaluation.run(step)
        is_best = self._history.add(step, metrics)
        if self._writes:
            if is_best:
                self._state.save()
            self._history.keep_best()
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
        self.headline = config.eval_config.best_metric
        self._model_dir = model_dir
        if config.eval_input_reader:
            logging.info(
                "evaluation runs beside training: start a task of type evaluator, or "
                "od-api eval --follow"
            )

    def catch_up(self, due):
        """The evaluator does it; returns the metrics that it has found last."""
        del due
        return self._history().latest()

    def run(self, step):
        """The evaluator's metrics of this step come later, to eval/ and its history."""
        del step
        return {}

    def should_stop(self):
        """As `Validation.should_stop`, by what the evaluator has found so far."""
        return _should_stop(self._history())

    def _history(self):
        return History(self._model_dir, self._settings, self._state.step, writes=False)


def _should_stop(history):
    if not history.should_stop():
        return False
    logging.info("stopping early: %s", history.why())
    return True
