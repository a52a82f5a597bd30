"""A program that saves checkpoints until it is killed; see test_checkpoint_files.py.

    python checkpoint_killer.py DIRECTORY COUNT

Run number k saves ckpt-1, ckpt-2, ... of two large variables that both hold the step,
into DIRECTORY/k. For k < COUNT - 2 it kills itself before the k-th renaming or removing
of a file, counted from the third save on; the last two runs are killed from outside, a
while after their third save.
"""

import os
import pathlib
import signal
import sys
import time

import tensorflow as tf


def run(directory, kill_at):
    from od_api.checkpoints.checkpoint import Checkpoints

    large = {n: tf.Variable(tf.zeros([500_000])) for n in ("backbone/a", "head/b")}
    step = tf.Variable(0, dtype=tf.int64)
    checkpoints = Checkpoints(directory, step=step, model=large, max_to_keep=2)
    calls = 0

    def deadly(function):
        def call(*args, **kwargs):
            nonlocal calls
            calls += int(step) >= 3
            if calls == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    if kill_at:
        for name in ("rename", "remove", "rmtree"):
            setattr(tf.io.gfile, name, deadly(getattr(tf.io.gfile, name)))
    while True:
        step.assign_add(1)
        for variable in large.values():
            variable.assign(tf.fill([500_000], float(step)))
        checkpoints.save()


def main(root, count):
    for k in range(1, count + 1):
        directory = root / str(k)
        kill_at = k if k <= count - 2 else 0
        # Forked before the first op: each child starts a TensorFlow of its own.
        child = os.fork()
        if child == 0:
            try:
                run(str(directory), kill_at)
            finally:
                os._exit(1)
        if not kill_at:
            while not list(directory.glob("ckpt-3.index")):
                time.sleep(0.01)
            time.sleep(0.017 * k)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"run {k} ended by itself"


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
