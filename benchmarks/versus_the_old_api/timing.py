"""Taking times inside a side's process."""

import pathlib
import time

# Name of the node that only measures the machine: no part of the work.
RATE = "rate_of_multiplication"


def times(call, seconds, fewest=3, most=1000):
    """[seconds of a call, ...]: as many calls as fit into `seconds`."""
    taken, started = [], time.perf_counter()
    while len(taken) < fewest or (
        len(taken) < most and time.perf_counter() - started < seconds
    ):
        taken.append(timed(call))
    return taken


def timed(call):
    """Seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def peak_memory():
    """Bytes: the largest resident set that this process ever had."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def rate_of_multiplication(side=2048, repetitions=5):
    """Floating-point operations a second in a float32 matrix product: the median.

    A multiplication and an addition count as two.
    """
    import tensorflow as tf

    matrix = tf.random.stateless_normal([side, side], seed=[0, 0])
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix, name=RATE)))
    product().numpy()
    taken = sorted(times(lambda: product().numpy(), 0.0, fewest=repetitions))
    return 2 * side**3 / taken[len(taken) // 2]
