"""Whether weights can be kept: none of them is infinite or no number."""

import tensorflow as tf

from od_api.core.errors import UserError

CAUSES = (
    "Usual causes: a learning rate too high for the batch size, no "
    "gradient_clipping_by_norm, or bad boxes (od-api data check). The checkpoints hold "
    "only finite steps"
)


class TrainingDiverged(UserError):
    """A loss or weights that training cannot come back from."""


def refuse_not_finite(step, groups):
    """Raises TrainingDiverged unless weights, slots and averages are finite.

    Args:
      step: the step they are of.
      groups: {group: {name: tensor}}.
    """
    bad = not_finite(groups)
    if bad:
        raise TrainingDiverged(
            f"after step {step} {len(bad)} of the weights and optimizer's slots are "
            f"not finite, though the loss was: {', '.join(bad[:3])}. No checkpoint "
            f"was written of it. {CAUSES}"
        )


def not_finite(groups):
    """Names, as `group/name`, of the tensors that hold an infinity or NaN.

    Args:
      groups: {group: {name: tensor or array}}; integers are always finite.
    """
    return [
        f"{group}/{name}"
        for group, tensors in groups.items()
        for name, tensor in tensors.items()
        if _is_float(tensor) and not tf.reduce_all(tf.math.is_finite(tensor))
    ]


def _is_float(tensor):
    return tf.as_dtype(tensor.dtype).is_floating
