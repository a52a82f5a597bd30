"""Names for the variables of a network: what checkpoints and patterns refer to.

A network is a dict of parts, `{"backbone": layer, "neck": layer, "head": layer}`. A
variable is called `part/layer/kernel`: the part's name and the path Keras gives it.
"""

import tensorflow as tf

from od_api.core.errors import UserError


def named_variables(parts):
    """{name: tf.Variable} of all weights, and of the state of random layers.

    Args:
      parts: {part name: built Keras layer}.

    Raises:
      ValueError: two variables of a part share a name.
    """
    named = {}
    for part, layer in parts.items():
        _add(named, part, layer.variables)
    return named


def trainable_variables(parts):
    """{name: tf.Variable} of the weights that training changes."""
    named = {}
    for part, layer in parts.items():
        _add(named, part, layer.trainable_variables)
    return named


def fetched(groups):
    """{group: {name: tensor}} of {group: {name: variable}}, in this process' memory.

    It is no tf.function, which every worker would have to be told of: a stuck one would
    hold it up.

    Raises:
      UserError: a parameter server is lost.
    """
    try:
        with tf.device("CPU:0"):
            return {
                group: {n: tf.identity(v) for n, v in variables.items()}
                for group, variables in groups.items()
            }
    except tf.errors.UnavailableError as error:
        reason = (error.message or str(error)).splitlines()[0]
        raise UserError(
            f"a parameter server is lost, and the variables that it held: {reason}. "
            "Start it and this command again, and training goes on from the newest "
            "checkpoint"
        ) from error


def regularization_loss(parts):
    """Scalar float32: the sum of the weight penalties of all parts."""
    penalties = [loss for layer in parts.values() for loss in layer.losses]
    if not penalties:
        return tf.zeros([])
    return tf.add_n([tf.cast(loss, tf.float32) for loss in penalties])


def _add(named, part, variables):
    for variable in variables:
        name = f"{part}/{variable.path}"
        if name in named:
            raise ValueError(f"two variables are called {name}")
        named[name] = variable.value
