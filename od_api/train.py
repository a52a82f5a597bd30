"""Training: config and TFRecords in, checkpoints, reports and TensorBoard logs out."""

import math
import pathlib
import time
from typing import NamedTuple

import tensorflow as tf
from absl import logging

from od_api.core.compatibility import check_compatibility, refuse_uncompilable
from od_api.core.config import write_config
from od_api.core.errors import ConfigError, UserError
from od_api.core.progress import Progress, duration
from od_api.core.summaries import Summaries
from od_api.data import inputs
from od_api.evaluate import Evaluation
from od_api.history import History
from od_api.training_state import TrainingState


class TrainingResult(NamedTuple):
    """How a training run ended.

    Attributes:
      step: the last step taken.
      reason: "finished", "stopped early" or "nothing to do".
      checkpoint: path of the newest checkpoint.
      metrics: of the last evaluation; empty without one.
    """

    step: int
    reason: str
    checkpoint: str
    metrics: dict


class TrainingDiverged(UserError):
    """A loss that is not a number, with the images that it came from."""


def train(
    config,
    model_dir,
    *,
    num_steps=None,
    strategy=None,
    evaluate_on_the_way=True,
    record_summaries=True,
):
    """Trains a detector, from the newest checkpoint in `model_dir` if there is one.

    Args:
      config: TrainEvalPipelineConfig.
      model_dir: directory for checkpoints, `best/`, `train/` and `eval/` logs and the
        resolved pipeline.config.
      num_steps: steps instead of train_config.num_steps.
      strategy: a tf.distribute.Strategy; the default one by default.
      evaluate_on_the_way: evaluate every eval_input_reader as eval_config says.
      record_summaries: write TensorBoard event files.

    Returns:
      TrainingResult.

    Raises:
      UserError: bad config, data or checkpoint, or a loss that is not finite.
    """
    check_compatibility(config)
    refuse_uncompilable(config)
    last_step = _last_step(config, num_steps)
    model_dir = pathlib.Path(model_dir)
    source = inputs.TrainingInput(config)
    source.check()
    strategy = strategy or tf.distribute.get_strategy()
    state = TrainingState(config, model_dir, strategy)
    if state.step >= last_step:
        return _nothing_to_do(state, last_step)
    write_config(config, model_dir / "pipeline.config")
    summaries = Summaries(str(model_dir / "train"), enabled=record_summaries)
    batches = _batches(source, state, strategy, model_dir, summaries)
    evaluation = None
    if evaluate_on_the_way:
        evaluation = _Evaluations(config, state, model_dir)
    with summaries:
        return _loop(config, state, batches, evaluation, summaries, last_step)


def _loop(config, state, batches, evaluation, summaries, last_step):
    """Steps, logs, saves and evaluates until the last step or an early stop."""
    settings = config.train_config
    save_every = max(settings.checkpoint_every_n_steps, 1)
    evaluate_every = config.eval_config.eval_every_n_steps or save_every
    reason, metrics = "finished", {}
    with Progress(
        first_step=state.step,
        last_step=last_step,
        batch_size=settings.batch_size,
        log_every=settings.log_every_n_steps,
        stall_seconds=settings.stall_warning_seconds,
    ) as progress:
        for batch in batches:
            rate = state.learning_rate
            losses = _take_step(state, batch)
            step = state.step
            speed = progress.step_done(step, losses, rate)
            if speed is not None:
                _summarize(summaries, losses, rate, speed / settings.batch_size, step)
            last = step >= last_step
            if last or step % save_every == 0:
                with progress.pause("writing a checkpoint"):
                    state.save()
            if evaluation and (last or step % evaluate_every == 0):
                with progress.pause("evaluating"):
                    metrics = evaluation.run(step)
                if evaluation.should_stop() and not last:
                    state.save()
                    reason = "stopped early"
                    break
            if last:
                break
    logging.info("training %s at step %d", reason, state.step)
    return TrainingResult(state.step, reason, state.latest_checkpoint(), metrics)


class _Evaluations:
    """Evaluation during training: the best checkpoint, and when to stop."""

    def __init__(self, config, state, model_dir):
        self._evaluation = None
        if config.eval_input_reader:
            self._evaluation = Evaluation(config, state.detector, model_dir)
        else:
            logging.warning("no eval_input_reader: training without evaluation")
        self._state = state
        self._history = History(model_dir, config.eval_config, state.step)

    def run(self, step):
        """Evaluates the averaged weights; returns the metrics."""
        if self._evaluation is None:
            return {}
        started = time.monotonic()
        with self._state.averaged_weights():
            metrics = self._evaluation.run(step)
        if self._history.add(step, metrics):
            metric = self._history.metric
            self._state.keep_as_best(metric, metrics[metric])
        logging.info("evaluated in %s", duration(time.monotonic() - started))
        return metrics

    def should_stop(self):
        """Whether early stopping is on and its patience used up; logs why."""
        if not self._history.should_stop():
            return False
        logging.info("stopping early: %s", self._history.why())
        return True


def _last_step(config, num_steps):
    last_step = num_steps if num_steps is not None else config.train_config.num_steps
    if last_step < 1:
        raise ConfigError(
            "is not set: say how many steps to train, here or as num_train_steps",
            "train_config.num_steps",
        )
    return last_step


def _nothing_to_do(state, last_step):
    logging.warning(
        "nothing to do: %s is already at step %d and num_steps is %d; raise num_steps "
        "or choose another model_dir",
        state.latest_checkpoint(),
        state.step,
        last_step,
    )
    return TrainingResult(state.step, "nothing to do", state.latest_checkpoint(), {})


def _batches(source, state, strategy, model_dir, summaries):
    """The training batches from the current step on; the first ones are drawn."""
    dataset = source.training_dataset(state.detector, state.step)
    path = model_dir / "train" / "first_batches.jpg"
    pictures = inputs.draw_batches(dataset, source.label_map, path)
    for i, picture in enumerate(pictures[:3]):
        summaries.image(f"train_input_images_{i}", picture[None], state.step)
    return source.guarded(strategy.experimental_distribute_dataset(dataset))


def _take_step(state, batch):
    """One step; returns {loss name: float}.

    Raises:
      TrainingDiverged: a loss is not finite.
    """
    losses = {name: float(value) for name, value in state.take_step(batch).items()}
    if not math.isfinite(losses["total_loss"]):
        raise TrainingDiverged(_diverged(state.step, losses, batch))
    return losses


def _diverged(step, losses, batch):
    """Which terms are not finite, in which images, and what usually helps."""
    terms = [
        name
        for name, value in losses.items()
        if not math.isfinite(value) and name != "total_loss"
    ]
    bad = " and ".join(terms) or "total_loss"
    return (
        f"at step {step} {bad} is not finite; the images of the batch: "
        f"{', '.join(inputs.source_ids(batch))}. Usual causes: a learning rate too "
        "high for the batch size, no gradient_clipping_by_norm, or bad boxes (od-api "
        "data check). The checkpoints hold only finite steps"
    )


def _summarize(summaries, losses, rate, steps_per_second, step):
    summaries.scalars({f"Loss/{name}": v for name, v in losses.items()}, step)
    summaries.scalar("learning_rate", rate, step)
    summaries.scalar("steps_per_sec", steps_per_second, step)
