"""The batch schemes of a config, one after the other."""

import functools
import math

import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.core.registry import build_each
from od_api.core.replicas import own_seed

_fold = tf.random.experimental.stateless_fold_in


class Schemes:
    """Callable: all schemes of a TrainConfig on a batch, in their order.

    Args:
      settings: TrainConfig.
      static_shapes: whether all batches must have one shape.

    Attributes:
      records: how many records a step reads, of all replicas.

    Raises:
      ConfigError: a scheme that is not what its message allows, or changes shapes.
    """

    def __init__(self, settings, static_shapes=False):
        try:
            self._schemes = build_each(settings, "batch_schemes")
            if static_shapes:
                self._refuse_changing_shapes(settings.batch_schemes)
        except ConfigError as error:
            raise error.within("train_config") from error
        factor = math.prod(scheme.factor for scheme in self._schemes)
        self.records = factor * settings.batch_size

    def __bool__(self):
        return bool(self._schemes)

    def sized(self, resizer):
        """`(position, seed) -> resizer` of the record there; None without schemes."""
        return functools.partial(self._resizer, resizer) if self else None

    def __call__(self, batch, seed):
        """{name: [records / replicas, ...]} -> {name: [batch_size / replicas, ...]}.

        Args:
          batch: of `batch_fields.numeric`.
          seed: int32 [2], the same on all replicas: each draws for itself.
        """
        for i, scheme in enumerate(self._schemes):
            batch = scheme(batch, _fold(own_seed(seed), i))
        return batch

    def _resizer(self, resizer, position, seed):
        for i, scheme in enumerate(self._schemes):
            number = position // self.records
            resizer = scheme.resizer(resizer, number, _fold(seed, i))
        return resizer

    def _refuse_changing_shapes(self, messages):
        for i, (scheme, message) in enumerate(
            zip(self._schemes, messages, strict=True)
        ):
            if not scheme.static_shapes:
                name = message.WhichOneof("batch_scheme_oneof")
                raise ConfigError(
                    "changes the size of images between batches, and XLA (jit_compile, "
                    "or a TPU) compiles one size: remove the scheme, or train without "
                    "XLA",
                    f"batch_schemes[{i}].{name}",
                )
