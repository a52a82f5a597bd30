"""What happens to gradients between the tape and the optimizer."""

import re

import tensorflow as tf

_BIAS = re.compile(r"(^|/)bias(es)?$")


def reduce_gradients(gradients):
    """{name: tensor} summed over the replicas, inside `strategy.run`.

    Each replica's loss is its share of the whole batch's (detectors normalise over all
    replicas), so the sum is the gradient of the whole. Without a strategy nothing
    changes.

    Args:
      gradients: {name: tensor or None}; every replica has None at the same names.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return dict(gradients)
    present = {
        n: tf.convert_to_tensor(g) for n, g in gradients.items() if g is not None
    }
    context = tf.distribute.get_replica_context()
    summed = context.all_reduce(tf.distribute.ReduceOp.SUM, present)
    return {name: summed.get(name) for name in gradients}


def clip_by_global_norm(gradients, limit):
    """Scale all gradients alike so that their common norm is at most `limit`.

    Pascanu et al., On the difficulty of training recurrent neural networks (ICML 2013).

    Args:
      gradients: {name: tensor or None}.
      limit: largest norm, above 0; 0 means no limit (the schema's default).

    Returns:
      (clipped {name: tensor or None}, float32 scalar norm before clipping). A norm that
      is not finite makes every gradient NaN, so that the step's check finds it.
    """
    values = [
        None if g is None else tf.convert_to_tensor(g) for g in gradients.values()
    ]
    norm = tf.linalg.global_norm(values)
    if limit:
        values, _ = tf.clip_by_global_norm(values, limit, use_norm=norm)
    return dict(zip(gradients, values, strict=True)), norm


def multiply_bias_gradients(gradients, multiplier):
    """Multiply the gradients of biases (`.../bias`), `bias_grad_multiplier`.

    Batch norm's shift (`.../beta`) is no bias, as in the old API.

    Args:
      gradients: {name: tensor or None}.
      multiplier: 0 means 1 (the schema's default switches nothing on).
    """
    if not multiplier:
        return dict(gradients)
    return {
        name: g if g is None or not _BIAS.search(name) else multiplier * g
        for name, g in gradients.items()
    }
