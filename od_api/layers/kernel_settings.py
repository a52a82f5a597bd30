"""Regularisers and initialisers of kernels, from their messages."""

import keras

from od_api.core import ranges
from od_api.core.errors import ConfigError

# The old API's meaning of an L2 weight w is w * sum(x^2) / 2; Keras has no such half.
L2_FACTOR = 0.5


def kernel_regularizer(message):
    """The Keras regulariser of a Regularizer message; None when it is empty."""
    kind = message.WhichOneof("regularizer_oneof")
    if kind is not None:
        weight = getattr(message, kind).weight
        ranges.at_least(f"regularizer.{kind}.weight", weight)
    if kind == "l1_regularizer":
        return keras.regularizers.L1(message.l1_regularizer.weight)
    if kind == "l2_regularizer":
        return keras.regularizers.L2(L2_FACTOR * message.l2_regularizer.weight)
    return None


def kernel_initializer(message):
    """The Keras initialiser of an Initializer message; None when it is empty.

    Raises:
      ConfigError: a name that Keras does not know.
    """
    kind = message.WhichOneof("initializer_oneof")
    if kind is None:
        return None
    value = getattr(message, kind)
    if kind == "variance_scaling_initializer":
        ranges.above(f"initializer.{kind}.factor", value.factor)
    elif kind != "keras_initializer_by_name":
        ranges.finite(f"initializer.{kind}.mean", value.mean)
        ranges.at_least(f"initializer.{kind}.stddev", value.stddev)
    if kind == "truncated_normal_initializer":
        return keras.initializers.TruncatedNormal(value.mean, value.stddev)
    if kind == "random_normal_initializer":
        return keras.initializers.RandomNormal(value.mean, value.stddev)
    if kind == "variance_scaling_initializer":
        return keras.initializers.VarianceScaling(
            scale=value.factor,
            mode=value.Mode.Name(value.mode).lower(),
            distribution="uniform" if value.uniform else "truncated_normal",
        )
    return _named_initializer(value)


def _named_initializer(name):
    try:
        return keras.initializers.get(name)
    except ValueError as error:
        raise ConfigError(
            f"Keras has no initializer {name!r}; one is e.g. 'he_normal'",
            "initializer.keras_initializer_by_name",
        ) from error
