"""Steps of training one after the other, on the devices of a synchronous strategy."""

from collections.abc import Callable
from typing import NamedTuple

from od_api.data import inputs
from od_api.training.loss_watch import LossWatch


class FinishedStep(NamedTuple):
    """What the loop learns of a step.

    Attributes:
      step: its number, 1 for the first.
      losses: {name: float}.
      source_ids: callable, list of the names of its images.
    """

    step: int
    losses: dict
    source_ids: Callable


class SynchronousSteps:
    """Takes steps, each with the weights that the one before left.

    Args:
      take_step: TrainingStep.
      batches: iterator of (global) batches.
      first_step: the steps done before.
      batch_spec: the data set's `element_spec`; None of batches of one shape.
    """

    def __init__(self, take_step, batches, first_step, batch_spec=None):
        self._take_step = take_step
        self._batches = iter(batches)
        self._step = first_step
        self._batch_spec = batch_spec
        self._watch = LossWatch()

    def until(self, last_step):
        """Yields a FinishedStep for each step up to `last_step`, or until data ends.

        Raises:
          TrainingDiverged: a loss is not finite, or grows without end.
        """
        if self._batch_spec is not None:
            self._take_step.trace(self._batch_spec)
            self._batch_spec = None
        while self._step < last_step:
            batch = next(self._batches, None)
            if batch is None:
                return
            losses = {n: float(v) for n, v in self._take_step(batch).items()}
            self._step += 1
            finished = FinishedStep(
                self._step, losses, lambda batch=batch: inputs.source_ids(batch)
            )
            self._watch.look(finished)
            yield finished

    def report(self):
        """{name: float} to log beside the losses: nothing."""
        return {}
