"""How many threads TensorFlow takes for one call of a model."""

from od_api.core.errors import UserError


def check_threads(threads):
    """Refuses a number of threads that is none; None is any."""
    if threads is not None and threads < 1:
        raise UserError(f"the number of threads must be 1 or more, not {threads}")


def limit_threads(threads):
    """Tells TensorFlow, before it runs for the first time.

    Args:
      threads: of one operation, and operations run one after the other; None leaves it
        to TensorFlow.

    Raises:
      UserError: the number is none, or TensorFlow has run already.
    """
    check_threads(threads)
    if threads is None:
        return
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise UserError(
            "TensorFlow has run already, and takes another number of threads only "
            f"before: ask for {threads} threads first of all, in a process of its own"
        ) from error
