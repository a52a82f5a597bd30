"""Records of a folder that each asynchronous worker makes for itself.

The chief traces the data set of all workers, and a Python function of its own would not
be there where it runs. So the graph names a function that every worker has under one
name, and tells it what to read: the folder that all of them see.
"""

import functools
import threading

import tensorflow as tf
from tensorflow.python.ops import script_ops

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.protos import input_reader_pb2

_NAME = "od_api.data.worker_records"
_reading = threading.Lock()


def offer():
    """Has this process make records for graphs that another one has traced."""
    # TensorFlow numbers the functions of a process, and no number is the same in two.
    script_ops._py_funcs._funcs[_NAME] = _record


def made(source, index):
    """The record of an index, both scalar tensors, wherever the graph comes to run.

    Args:
      source: RecordSource of a reader of a folder.
      index: int64.
    """
    told = [source.recipe, source.digest, index]
    (record,) = tf.raw_ops.PyFunc(input=told, token=_NAME, Tout=[tf.string])
    return tf.ensure_shape(record, [])


def _record(recipe, digest, index):
    """The bytes of a record of the folder as this process sees it.

    Raises:
      UserError: it cannot be read here, or holds something else.
    """
    with _reading:
        source = _opened(recipe)
    if source.digest != digest:
        raise UserError(
            f"{printable(str(source))}: a worker sees other images there than the "
            "process that trains: all of them have to see the same folder"
        )
    return source.record(index)


@functools.lru_cache(maxsize=8)
def _opened(recipe):
    # It brings the converters.
    from od_api.data.folders import open_folder

    return open_folder(input_reader_pb2.InputReader.FromString(recipe))
