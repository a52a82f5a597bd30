"""Loading a SavedModel in a fresh process that has TensorFlow alone, as a server does.

The seconds are those of the loading; the memory is the largest resident set of the
whole process, TensorFlow included, after a few images. `own_bytes` is the part of it
that came after TensorFlow and its first operation.
"""

import pathlib

from timing import peak_memory, timed

_IMAGES = 3


def ours(settings):
    yield from _measured(settings, "ours")


def old(settings):
    yield from _measured(settings, "old")


def _measured(settings, side):
    import tensorflow as tf

    yield {}
    tf.reduce_sum(tf.ones([64, 64]) @ tf.ones([64, 64])).numpy()
    before = peak_memory()
    folder = pathlib.Path(settings["folder"]) / side / "export" / "saved_model"
    loaded = []
    seconds = timed(lambda: loaded.append(tf.saved_model.load(str(folder))))
    run = loaded[0].signatures["serving_default"]
    side = settings["side"]
    for _ in range(_IMAGES):
        run(input_tensor=tf.zeros([1, side, side, 3], tf.uint8))
    peak = peak_memory()
    yield {
        "seconds": [seconds],
        "peak_bytes": [peak],
        "own_bytes": [peak - before],
    }
