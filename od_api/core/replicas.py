"""Sums over the replicas of a synchronous strategy."""

import tensorflow as tf


def num_replicas():
    """How many replicas train in step; 1 outside a strategy and under asynchrony."""
    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync if context else 1


def sum_over_replicas(tensor):
    """The sum of every replica's `tensor`; the tensor itself when there is one."""
    if num_replicas() == 1:
        return tensor
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensor)
