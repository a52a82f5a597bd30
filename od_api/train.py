"""Training: config and TFRecords in, checkpoints, reports and TensorBoard logs out."""

import math
import pathlib
import time
from typing import NamedTuple

import keras
import tensorflow as tf
from absl import logging

from od_api.core import variables
from od_api.core.checkpoint import Checkpoints, restore_partial
from od_api.core.compatibility import log_ignored
from od_api.core.config import write_config
from od_api.core.errors import ConfigError, UserError
from od_api.core.precision import precision_policy
from od_api.core.progress import Progress, duration
from od_api.core.registry import build_field
from od_api.core.summaries import Summaries
from od_api.data import inputs
from od_api.evaluate import Evaluation
from od_api.history import History
from od_api.optim.loss_scale import LossScale
from od_api.optim.trainable import trainable_variables
from od_api.protos import train_pb2
from od_api.step import TrainingStep


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
      model_dir: directory for checkpoints, `best/`, `train/` and `eval/` logs, the
        resolved pipeline.config.
      num_steps: steps instead of train_config.num_steps.
      strategy: a tf.distribute.Strategy; the default one by default.
      evaluate_on_the_way: evaluate eval_input_reader as eval_config says.
      record_summaries: write TensorBoard event files.

    Returns:
      TrainingResult.

    Raises:
      UserError: bad config, data or checkpoint, or a loss that is not finite.
    """
    run = _Run(config, model_dir, num_steps, strategy)
    if run.nothing_to_do():
        return run.result("nothing to do", {})
    write_config(config, run.model_dir / "pipeline.config")
    summaries = Summaries(run.model_dir / "train", enabled=record_summaries)
    evaluation = run.evaluation() if evaluate_on_the_way else None
    with summaries, run.progress() as progress:
        return _loop(run, progress, summaries, evaluation)


def _loop(run, progress, summaries, evaluation):
    """Steps, logs, saves and evaluates until the last step or an early stop."""
    metrics = {}
    for batch in run.batches(summaries):
        losses = run.take_step(batch)
        step = int(run.step)
        rate = float(run.optimizer.learning_rate(run.step))
        speed = progress.step_done(step, losses, rate)
        if speed is not None:
            _log_summaries(summaries, losses, rate, speed / run.batch_size, step)
        if run.is_due(step, run.checkpoint_every):
            with progress.pause("writing a checkpoint"):
                run.checkpoints.save(step)
        if evaluation is not None and run.is_due(step, run.eval_every):
            with progress.pause("evaluating"):
                metrics = run.evaluate(evaluation, step)
            if run.history.should_stop():
                logging.info("stopped early at step %d: %s", step, run.history.why())
                if not run.is_due(step, run.checkpoint_every):
                    run.checkpoints.save(step)
                return run.result("stopped early", metrics)
        if step >= run.last_step:
            break
    logging.info("training finished at step %d", int(run.step))
    return run.result("finished", metrics)


class _Run:
    """Everything a training run holds, made and restored before the first step."""

    def __init__(self, config, model_dir, num_steps, strategy):
        log_ignored(config)
        settings = config.train_config
        self._config, self._settings = config, settings
        self.model_dir = pathlib.Path(model_dir)
        self.last_step = num_steps if num_steps is not None else settings.num_steps
        if self.last_step < 1:
            raise ConfigError(
                "is not set: say how many steps to train, here or as num_train_steps",
                "train_config.num_steps",
            )
        self.batch_size = settings.batch_size
        self.checkpoint_every = max(settings.checkpoint_every_n_steps, 1)
        self.eval_every = config.eval_config.eval_every_n_steps or self.checkpoint_every
        self.strategy = strategy or tf.distribute.get_strategy()
        self._data = inputs.TrainingInput(config)
        self._data.check()
        self._build()
        self._restore()
        self.history = History(self.model_dir, config.eval_config, int(self.step))

    def _build(self):
        settings = self._settings
        keras.utils.set_random_seed(settings.seed)
        precision = train_pb2.Precision.Name(settings.precision)
        with self.strategy.scope(), precision_policy(precision):
            self.detector = build_field(self._config, "model")
            self.optimizer = _build_optimizer(settings)
            self.step = tf.Variable(
                0,
                dtype=tf.int64,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                name="step",
            )
            self._named = variables.named_variables(self.detector.parts)
            trainable = trainable_variables(
                variables.trainable_variables(self.detector.parts),
                update_trainable_variables=settings.update_trainable_variables,
                freeze_variables=settings.freeze_variables,
            )
            self.optimizer.create_slots(trainable)
            scale = LossScale() if precision == "MIXED_FLOAT16" else None
        self.checkpoints = Checkpoints(
            self.model_dir,
            step=self.step,
            model=self._named,
            optimizer={
                **self.optimizer.variables,
                **(scale.variables if scale else {}),
            },
            max_to_keep=settings.max_checkpoints_to_keep,
        )
        self._training_step = TrainingStep(
            detector=self.detector,
            optimizer=self.optimizer,
            step=self.step,
            trainable=trainable,
            strategy=self.strategy,
            regularize=settings.add_regularization_loss,
            clip_norm=settings.gradient_clipping_by_norm,
            bias_multiplier=settings.bias_grad_multiplier,
            seed=settings.seed,
            loss_scale=scale,
            jit_compile=settings.jit_compile,
        )

    def _restore(self):
        path = self.checkpoints.latest()
        if path:
            self.checkpoints.restore(path)
            logging.info("resumed %s at step %d", path, int(self.step))
        elif self._settings.fine_tune_checkpoint:
            _fine_tune(self._settings, self.detector, self._named)

    def nothing_to_do(self):
        """Says so in the log if all steps have been taken already."""
        if int(self.step) < self.last_step:
            return False
        logging.warning(
            "nothing to do: %s is already at step %d and num_steps is %d; raise "
            "num_steps or choose another model_dir",
            self.checkpoints.latest(),
            int(self.step),
            self.last_step,
        )
        return True

    def is_due(self, step, every):
        """Whether something done every so many steps is due; always at the last."""
        return step % every == 0 or step >= self.last_step

    def progress(self):
        """The Progress of this run."""
        return Progress(
            first_step=int(self.step),
            last_step=self.last_step,
            batch_size=self.batch_size,
            log_every=self._settings.log_every_n_steps,
            stall_seconds=self._settings.stall_warning_seconds,
        )

    def batches(self, summaries):
        """The training batches from the current step on, the first ones drawn."""
        start = int(self.step)
        dataset = self._data.training_dataset(self.detector, start)
        path = self.model_dir / "train" / "first_batches.jpg"
        pictures = inputs.draw_batches(dataset, self._data.label_map, path)
        for i, picture in enumerate(pictures[:3]):
            summaries.image(f"train_input_images_{i}", picture[None], start)
        yield from self.strategy.experimental_distribute_dataset(dataset)

    def take_step(self, batch):
        """One step; returns {loss name: float}.

        Raises:
          TrainingDiverged: a loss is not finite.
        """
        losses = {k: float(v) for k, v in self._training_step(batch).items()}
        if not math.isfinite(losses["total_loss"]):
            raise TrainingDiverged(_diverged(int(self.step), losses, batch))
        return losses

    def evaluation(self):
        """The Evaluation that runs during training; None without eval readers."""
        if not self._config.eval_input_reader:
            logging.warning(
                "there is no eval_input_reader: training without evaluation"
            )
            return None
        return Evaluation(self._config, self.detector, self.model_dir)

    def evaluate(self, evaluation, step):
        """Evaluates with the averaged weights, keeps the best, returns the metrics."""
        started = time.monotonic()
        with self.optimizer.averaged_weights():
            metrics = evaluation.run(step)
            if self.history.add(step, metrics):
                self.checkpoints.save_best(step)
        logging.info("evaluated in %s", duration(time.monotonic() - started))
        return metrics

    def result(self, reason, metrics):
        """The TrainingResult of now."""
        return TrainingResult(
            int(self.step), reason, self.checkpoints.latest(), metrics
        )


def _build_optimizer(settings):
    try:
        return build_field(
            settings, "optimizer", clip_norm=settings.gradient_clipping_by_norm
        )
    except ConfigError as error:
        raise error.within("train_config") from error


def _fine_tune(settings, detector, named):
    path = settings.fine_tune_checkpoint
    if path.endswith((".h5", ".keras")):
        detector.parts["backbone"].load_weights(path)
        logging.info("backbone weights from %s", path)
        return
    kind = settings.fine_tune_checkpoint_type or (
        "detection" if settings.from_detection_checkpoint else "classification"
    )
    logging.info("%s", restore_partial(path, named, kind))


def _diverged(step, losses, batch):
    """Which terms are not finite, in which images, and what usually helps."""
    terms = [
        name
        for name, value in losses.items()
        if not math.isfinite(value) and name != "total_loss"
    ]
    images = inputs.source_ids(batch)
    return (
        f"at step {step} {' and '.join(terms) or 'the total loss'} is not finite; the "
        f"images of the batch: {', '.join(images)}. Usual causes: a learning rate too "
        "high for the batch size, no gradient_clipping_by_norm, or bad boxes (od-api "
        "data check). The checkpoints hold only finite steps"
    )


def _log_summaries(summaries, losses, rate, steps_per_second, step):
    summaries.scalars({f"Loss/{name}": v for name, v in losses.items()}, step)
    summaries.scalar("learning_rate", rate, step)
    summaries.scalar("steps_per_sec", steps_per_second, step)
