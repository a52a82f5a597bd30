"""Checks that every optimizer goes through."""

import threading

import numpy as np
import tensorflow as tf


def steps_with(optimizer, value, gradients, first_step=0):
    """The values of one variable after each of the gradients, [steps, ...]."""
    variable = tf.Variable(value, dtype=tf.float32)
    optimizer.create_slots({"w": variable})
    values = []
    for step, gradient in enumerate(gradients, first_step):
        gradient = tf.constant(gradient, tf.float32)
        optimizer.apply({"w": gradient}, tf.constant(step, tf.int64))
        values.append(variable.numpy())
    return np.array(values)


def random_problem(seed=0, steps=20):
    """A start [3, 2] and `steps` gradients of its shape."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 2)), rng.normal(size=(steps, 3, 2))


def concurrent_and_sequential(make_optimizer, threads=8, updates=25, size=100_000):
    """The variable after all updates by `threads` threads at once, and one by one.

    All gradients are alike, so the order of the updates makes no difference, and a lost
    one shows. The variable is large, so that updates overlap for certain.
    """
    results = []
    for workers in (threads, 1):
        variable = tf.Variable(tf.ones([size]))
        optimizer = make_optimizer()
        optimizer.create_slots({"w": variable})
        gradient, step = tf.fill([size], 0.5), tf.constant(3, tf.int64)

        def work(count, optimizer=optimizer, gradient=gradient, step=step):
            for _ in range(count):
                optimizer.apply({"w": gradient}, step)

        share = threads * updates // workers
        pool = [threading.Thread(target=work, args=(share,)) for _ in range(workers)]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
        results.append(variable.numpy())
    return results
