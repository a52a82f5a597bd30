"""One training step: losses, gradients, update, on whatever strategy."""

import functools

import tensorflow as tf

from od_api.core import variables
from od_api.core.replicas import average_statistics, num_replicas
from od_api.data.batch_fields import numeric, targets_of
from od_api.data.schemes import Schemes
from od_api.layers.fused_batch_norm import drifting_statistics
from od_api.optim.gradients import (
    clip_by_global_norm,
    multiply_bias_gradients,
    reduce_gradients,
)


class TrainingStep:
    """Callable: one step over one (global) batch.

    Args:
      detector: what is trained.
      optimizer: applies {name: gradient}; has the slots of `trainable`, a loss scale.
      step: int64 tf.Variable, counted up by each call.
      trainable: {name: tf.Variable} that training changes.
      strategy: a tf.distribute.Strategy.
      settings: TrainConfig: its batch schemes, whether weight penalties are added to
        the loss, how gradients are clipped and those of biases multiplied, the seed of
        everything random inside the step, and whether XLA compiles losses and
        gradients.
      schemes: Schemes with their variables, where they have some; by default those of
        the settings.

    Returns (of the call): {"localization_loss": ..., "total_loss": ...} float32 scalars
    of the whole batch.
    """

    def __init__(
        self,
        *,
        detector,
        optimizer,
        step,
        trainable,
        strategy,
        settings,
        schemes=None,
    ):
        self._static_shapes = needs_static_shapes(settings, strategy)
        self._detector = detector.static() if self._static_shapes else detector
        self._optimizer = optimizer
        self._step = step
        self._trainable = trainable
        self._strategy = strategy
        self._settings = settings
        self._drifting = drifting_statistics(detector.parts)
        if schemes is None:
            schemes = Schemes(settings, self._static_shapes)
        self._schemes = schemes
        self._gradients_of = self._losses_and_gradients
        if settings.jit_compile:
            self._gradients_of = tf.function(
                self._losses_and_gradients, autograph=False, jit_compile=True
            )
        # No part needs autograph, and converting every line would take most of the
        # time to the first step.
        self._run = tf.function(
            self._on_all_replicas, autograph=False, reduce_retracing=True
        )

    def __call__(self, batch):
        return self._run(numeric(batch))

    def trace(self, batch_spec):
        """Makes the one graph for all batches of a data set.

        Otherwise the first batch would have a graph of its own shape, which rounds
        otherwise: a run that is resumed would not repeat one that goes through. XLA,
        which compiles every shape apart, has no such graph.

        Args:
          batch_spec: the data set's `element_spec`.
        """
        if not self._static_shapes:
            self._run.get_concrete_function(numeric(batch_spec))

    def update(self, batch, read_step=None):
        """One replica's part of a step: gradients of its batch, applied.

        Args:
          batch: {name: tensor} of `numeric`.
          read_step: callable, int64 scalar, the steps done so far; by default the
            step variable's value.

        Returns:
          ({loss name: scalar}, int64 scalar: how many updates of others came between
          the reading of the weights and this one's). The latter is 0 in training in
          step.
        """
        read_step = read_step or functools.partial(tf.identity, self._step)
        before = read_step()
        seed = tf.stack(
            [tf.cast(self._settings.seed, tf.int32), tf.cast(before, tf.int32)]
        )
        batch = self._schemes(batch, seed)
        losses, gradients, measured = self._gradients_of(batch, seed)
        gradients = reduce_gradients(gradients)
        with tf.control_dependencies([g for g in gradients.values() if g is not None]):
            now = read_step()
        if self._optimizer.loss_scale is None:
            self._apply(gradients, now)
        else:
            self._optimizer.loss_scale.apply(gradients, lambda g: self._apply(g, now))
        average_statistics(self._drifting)
        self._schemes.observe(measured)
        return losses, now - before

    def _on_all_replicas(self, batch):
        """The losses of a global batch, once all replicas have done their parts."""
        losses, _ = self._strategy.run(self.update, args=(batch,))
        self._step.assign_add(1)
        return {
            name: self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in losses.items()
        }

    def _apply(self, gradients, step):
        settings = self._settings
        gradients = multiply_bias_gradients(gradients, settings.bias_grad_multiplier)
        gradients, _ = clip_by_global_norm(
            gradients, settings.gradient_clipping_by_norm
        )
        self._optimizer.apply(gradients, step)

    def _losses_and_gradients(self, batch, seed):
        """({name: loss}, {name: gradient or None}, what the schemes measure)."""
        targets = targets_of(batch)
        if not self._static_shapes:
            targets = targets.with_longest()
        report = [] if self._schemes.observe_losses else None
        told = {} if report is None else {"report": report}
        with tf.GradientTape() as tape:
            predictions = self._detector.call(
                batch["image"],
                batch["true_shape"],
                training=True,
                targets=targets,
                seed=seed,
            )
            losses = dict(self._detector.losses(predictions, targets, seed, **told))
            if self._settings.add_regularization_loss:
                penalty = variables.regularization_loss(self._detector.parts)
                losses["regularization_loss"] = penalty / num_replicas()
            losses["total_loss"] = tf.add_n(list(losses.values()))
            objective = losses["total_loss"]
            if self._optimizer.loss_scale is not None:
                objective = self._optimizer.loss_scale.scaled(objective)
        names = list(self._trainable)
        gradients = tape.gradient(objective, [self._trainable[n] for n in names])
        measured = self._schemes.measured(report, targets)
        return losses, dict(zip(names, gradients, strict=True)), measured


def needs_static_shapes(settings, strategy):
    """Whether XLA compiles the steps of a TrainConfig under a strategy."""
    return settings.jit_compile or isinstance(strategy, tf.distribute.TPUStrategy)
