"""What a training run trains: detector, optimizer, step, and their checkpoints."""

import keras
import tensorflow as tf
from absl import logging

from od_api.checkpoints.checkpoint import Checkpoints
from od_api.checkpoints.fine_tune import fine_tune_kind, restore_partial
from od_api.checkpoints.restored_detector import as_inferring
from od_api.core import variables
from od_api.core.errors import ConfigError
from od_api.core.precision import precision_policy
from od_api.core.registry import build_field
from od_api.data.schemes import Schemes
from od_api.optim.loss_scale import LossScale
from od_api.optim.trainable import trainable_variables
from od_api.protos import train_pb2
from od_api.training.placement import variables_by_size
from od_api.training.step import TrainingStep, needs_static_shapes


class TrainingState:
    """Everything that steps change, built from a config and restored.

    The newest checkpoint of `model_dir` is resumed; without one, the weights come from
    `fine_tune_checkpoint` or from the seed.

    Args:
      config: TrainEvalPipelineConfig.
      model_dir: where the checkpoints are.
      strategy: a tf.distribute.Strategy.

    Attributes:
      detector: the detector.
      evaluated: the same as evaluation uses it, see `as_inferring`.
      take_step: TrainingStep; call it with a batch.
      schemes: Schemes, with what they remember.
      step_variable: int64 scalar, the steps done so far.
    """

    def __init__(self, config, model_dir, strategy):
        settings = config.train_config
        keras.utils.set_random_seed(settings.seed)
        precision = train_pb2.Precision.Name(settings.precision)
        with (
            strategy.scope(),
            variables_by_size(strategy),
            precision_policy(precision),
        ):
            self.detector = build_field(config, "model")
            self.evaluated = as_inferring(config, self.detector)
            self._optimizer = _build_in(settings, "optimizer", "train_config")
            self.step_variable = _step_variable()
            named = variables.named_variables(self.detector.parts)
            trainable = trained_variables(self.detector, settings)
            self._optimizer.create_slots(trainable)
            scale = LossScale() if precision == "MIXED_FLOAT16" else None
            self._optimizer.loss_scale = scale
            self.schemes = _schemes(settings, strategy, self.detector)
        scale_state = scale.variables if scale else {}
        ema = self._optimizer.ema
        self._checkpoints = Checkpoints(
            str(model_dir),
            step=self.step_variable,
            model=named,
            optimizer=self._optimizer.rule.slot_variables() | scale_state,
            ema=ema.slot_variables() if ema else None,
            schemes=self.schemes.variables,
            max_to_keep=settings.max_checkpoints_to_keep,
        )
        self.take_step = TrainingStep(
            detector=self.detector,
            optimizer=self._optimizer,
            step=self.step_variable,
            trainable=trainable,
            strategy=strategy,
            settings=settings,
            schemes=self.schemes,
        )
        self._restore(settings, named)

    @property
    def step(self):
        """Steps done so far."""
        return int(self.step_variable.numpy())

    def learning_rate(self, step):
        """Of the update after `step` steps."""
        return float(self._optimizer.learning_rate(tf.constant(step, tf.int64)))

    def save(self):
        """Writes a checkpoint of this step unless there is one; returns its prefix."""
        return self._checkpoints.save()

    def tidy(self):
        """Removes what a save that was killed has left behind."""
        self._checkpoints.tidy()

    def rehearse(self):
        """Does once what the loop of training does between steps, with no effect."""
        self._checkpoints.rehearse()
        self.learning_rate(self.step)
        self.step_variable.assign(self.step)

    def latest_checkpoint(self):
        """The newest checkpoint, or None."""
        return self._checkpoints.latest()

    def averaged_weights(self):
        """A context in which the weights are their moving averages, if kept."""
        return self._optimizer.averaged_weights()

    def _restore(self, settings, named):
        if self._checkpoints.restore_full() is not None:
            logging.info("resumed %s", self.latest_checkpoint())
        elif settings.fine_tune_checkpoint:
            restore_partial(
                settings.fine_tune_checkpoint,
                named,
                fine_tune_kind(settings),
                load_weights=self.detector.load_weights,
                parts=self.detector.parts,
            )
            if self._optimizer.ema:
                self._optimizer.ema.reset()


def _step_variable():
    return tf.Variable(
        0,
        dtype=tf.int64,
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        name="step",
    )


def _schemes(settings, strategy, detector):
    """The Schemes of a TrainConfig, with what they remember."""
    schemes = Schemes(settings, needs_static_shapes(settings, strategy))
    schemes.refuse_silent(detector)
    schemes.create_variables()
    return schemes


def trained_variables(detector, settings):
    """{name: tf.Variable} of a detector that a TrainConfig trains.

    Raises:
      ConfigError: a pattern that is broken or matches nothing, or nothing to train.
    """
    try:
        return trainable_variables(
            variables.trainable_variables(detector.parts),
            update_trainable_variables=settings.update_trainable_variables,
            freeze_variables=settings.freeze_variables,
        )
    except ConfigError as error:
        raise error.within("train_config") from error


def _build_in(message, field, path):
    try:
        return build_field(message, field)
    except ConfigError as error:
        raise error.within(path) from error
