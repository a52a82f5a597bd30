"""The batch schemes of a config, one after the other."""

import functools
import math

import tensorflow as tf

from od_api.config.memory_bound import Read
from od_api.core.errors import ConfigError
from od_api.core.registry import build_each
from od_api.core.replicas import own_seed, sum_over_replicas

_fold = tf.random.experimental.stateless_fold_in


class Schemes:
    """Callable: all schemes of a TrainConfig on a batch, in their order.

    Args:
      settings: TrainConfig.
      static_shapes: whether all batches must have one shape.

    Attributes:
      factor: how many times as many records as batch_size a step reads.
      records: how many that are, of all replicas.
      largest_shape: (height, width) that the largest images have, about or at least;
        None: the detector's resizer decides.

    Raises:
      ConfigError: a scheme that is not what its message allows, or changes shapes.
    """

    def __init__(self, settings, static_shapes=False):
        try:
            self._schemes = build_each(settings, "batch_schemes")
        except ConfigError as error:
            raise error.within("train_config") from error
        self._names = [
            message.WhichOneof("batch_scheme_oneof")
            for message in settings.batch_schemes
        ]
        if static_shapes:
            self._refuse(
                lambda scheme: not scheme.static_shapes,
                "changes the size of images between batches, and XLA (jit_compile, or "
                "a TPU) compiles one size: remove the scheme, or train without XLA",
            )
        self.factor = math.prod(scheme.factor for scheme in self._schemes)
        self.records = self.factor * settings.batch_size
        shapes = [s.largest_shape for s in self._schemes if s.largest_shape]
        self.largest_shape = shapes[-1] if shapes else None

    def __bool__(self):
        return bool(self._schemes)

    @property
    def observe_losses(self):
        """Whether some scheme wants to be told of losses."""
        return any(scheme.observes for scheme in self._schemes)

    def sized(self, resizer):
        """`(position, seed) -> resizer` of the record there; None without schemes."""
        return functools.partial(self._resizer, resizer) if self else None

    def create_variables(self):
        """Makes what schemes remember; in the scope of the strategy that trains."""
        for scheme in self._schemes:
            scheme.create_variables()

    @property
    def variables(self):
        """{name: tf.Variable} that a checkpoint keeps."""
        return {
            f"{i}/{name}/{key}": variable
            for i, name, scheme in self._numbered()
            for key, variable in scheme.variables.items()
        }

    def __call__(self, batch, seed):
        """{name: [records / replicas, ...]} -> {name: [batch_size / replicas, ...]}.

        Args:
          batch: of `batch_fields.numeric`.
          seed: int32 [2], the same on all replicas: each draws for itself.

        Raises:
          ConfigError: the batch is not made of whole groups of images.
        """
        for i, name, scheme in self._numbered():
            rows = batch["image"].shape[0]
            if rows is not None and rows % scheme.factor:
                raise ConfigError(
                    f"makes one image of {scheme.factor}, and a device has {rows}: "
                    f"give it a multiple of {scheme.factor}",
                    _place(i, name),
                )
            batch = scheme(batch, _fold(own_seed(seed), i))
        return batch

    def measured(self, report, targets):
        """What each scheme measures of a step's losses, on this replica.

        Args:
          report: [Reported].
          targets: Targets of the batch that the network saw.

        Returns:
          A tuple of {name: float32 scalar}, one for each scheme.
        """
        return tuple(
            scheme.measured(report, targets) if scheme.observes else {}
            for scheme in self._schemes
        )

    def observe(self, measured):
        """Has each scheme learn from what `measured` says of all replicas together."""
        for scheme, numbers in zip(self._schemes, measured, strict=True):
            if scheme.observes:
                sums = {name: sum_over_replicas(x) for name, x in numbers.items()}
                scheme.observe(sums)

    def refuse_silent(self, detector):
        """Raises ConfigError where a scheme would never be told of any loss."""
        if not getattr(detector, "reports", False):
            self._refuse(
                lambda scheme: scheme.observes,
                "learns from the localisation losses of priors, and this model does "
                "not tell them: it needs the objective matched",
            )

    def refuse_out_of_step(self):
        """Raises ConfigError for what cannot train on asynchronous workers."""
        self._refuse(
            lambda scheme: scheme.observes,
            "learns from the losses of the step before, which asynchronous workers do "
            "not know: train in step (one device, or a cluster without parameter "
            "servers), or remove the scheme",
        )

    def _resizer(self, resizer, position, seed):
        for i, scheme in enumerate(self._schemes):
            number = position // self.records
            resizer = scheme.resizer(resizer, number, _fold(seed, i))
        return resizer

    def _numbered(self):
        """(number, field name, scheme) of each."""
        for i, pair in enumerate(zip(self._names, self._schemes, strict=True)):
            yield i, *pair

    def _refuse(self, fault, problem):
        for i, name, scheme in self._numbered():
            if fault(scheme):
                raise ConfigError(problem, _place(i, name))


def read_by_schemes(settings):
    """The `Read` of a TrainConfig: how much more than a batch its schemes read."""
    schemes = Schemes(settings)
    return Read(schemes.factor, schemes.largest_shape)


def _place(number, name):
    return f"train_config.batch_schemes[{number}].{name}"
