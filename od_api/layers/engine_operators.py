"""Whether a graph is traced for another engine that has its own operators.

Inside of `engine_operators()` greedy suppression and bilinear crops are each one
operation, which whoever writes the graph for the engine replaces by the engine's.
"""

import contextlib
import contextvars

_wanted = contextvars.ContextVar("engine_operators", default=False)


@contextlib.contextmanager
def engine_operators(wanted=True):
    """Graphs that are traced inside leave these to the engine, if it is wanted."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def is_wanted():
    """Whether this is inside of `engine_operators()`."""
    return _wanted.get()
