"""What the replicas of a synchronous strategy do together; where shared ops run."""

import contextlib

import tensorflow as tf


def num_replicas():
    """How many replicas train in step; 1 outside a strategy and under asynchrony."""
    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync if context else 1


def own_seed(seed):
    """int32 [2], the same on all replicas -> one of this replica's own."""
    context = tf.distribute.get_replica_context()
    number = context.replica_id_in_sync_group if context else 0
    return tf.random.experimental.stateless_fold_in(seed, number)


def sum_over_replicas(tensor):
    """The sum of every replica's `tensor`; the tensor itself when there is one.

    Gradients flow through it: that of every replica's tensor is the sum of all the
    replicas' gradients, since all of them got the sum.
    """
    if num_replicas() == 1:
        return tensor
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensor)


def average_statistics(variables):
    """Give every replica's copy of some variables the mean of all copies.

    For what each replica moves by its own share of the batch (batch norm's moving
    averages): without it the copies drift apart, and a checkpoint holds the first
    replica's. To be called inside `strategy.run`, by every replica, after the moves.
    One reduction, whatever the number of variables; nothing with one replica.

    Args:
      variables: list of float tf.Variable that no gradient trains, in the same order on
        every replica.
    """
    if num_replicas() == 1 or not variables:
        return
    copies = [_read(variable) for variable in variables]
    flat = tf.concat([tf.reshape(tf.cast(c, tf.float32), [-1]) for c in copies], 0)
    context = tf.distribute.get_replica_context()
    means = context.all_reduce(tf.distribute.ReduceOp.MEAN, flat)
    sizes = [variable.shape.num_elements() for variable in variables]
    for variable, mean in zip(variables, tf.split(means, sizes), strict=True):
        mean = tf.cast(tf.reshape(mean, variable.shape), variable.dtype)
        # `variable.assign` may want to aggregate once more, as the variable says.
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=mean)


def move_average(average, value, rate):
    """average <- average - rate * (average - value), of this replica's copy.

    The difference is subtracted by one op, under the average's lock: of any number of
    workers that move it at once none loses another's move, though the average that a
    worker starts from may be a few moves old.

    Args:
      average: tf.Variable.
      value: tensor of its shape.
      rate: scalar, 0..1.
    """
    with beside(average):
        tf.raw_ops.ResourceApplyGradientDescent(
            var=average.handle,
            alpha=tf.cast(rate, average.dtype),
            delta=_read(average) - tf.cast(value, average.dtype),
            use_locking=True,
        )


def beside(variable):
    """A context: ops run where `variable` lives, if that is on a parameter server.

    A worker then sends gradients and statistics there, and no value of a variable makes
    the way to the worker and back between its reading and the update. Under other
    strategies each replica has its own copy, and nothing changes.
    """
    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        return tf.device(variable.device)
    return contextlib.nullcontext()


def _read(variable):
    return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)
