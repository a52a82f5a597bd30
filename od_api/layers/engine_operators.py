"""Whether a graph is traced for another engine that has its own operators.

Inside of `engine_operators()` greedy suppression and bilinear crops are each one
operation, which whoever writes the graph for the engine replaces by the engine's.
"""

import contextlib
import contextvars

_wanted = contextvars.ContextVar("engine_operators", default=False)
_branches = contextvars.ContextVar("branches_of_open_sizes", default=False)
_inside = contextvars.ContextVar("boxes_inside", default=False)


@contextlib.contextmanager
def engine_operators(wanted=True, branches_of_open_sizes=False):
    """Graphs that are traced inside leave these to the engine, if it is wanted.

    Args:
      wanted: whether they do.
      branches_of_open_sizes: the engine may choose between branches with tensors whose
        size a run alone knows. OpenVINO 2026.4 does not load such models.
    """
    tokens = _wanted.set(wanted), _branches.set(branches_of_open_sizes)
    try:
        yield
    finally:
        _wanted.reset(tokens[0])
        _branches.reset(tokens[1])


@contextlib.contextmanager
def boxes_inside(known=True):
    """Boxes that are cropped inside lie within their images, if that is known.

    No engine has to ask then whether a sample lies on the map. Boxes that were clipped
    and rounded since count as inside.
    """
    token = _inside.set(known)
    try:
        yield
    finally:
        _inside.reset(token)


def are_boxes_inside():
    """Whether this is inside of `boxes_inside()`."""
    return _inside.get()


def has_branches_of_open_sizes():
    """Whether this is inside of one that has."""
    return _branches.get()


def is_wanted():
    """Whether this is inside of `engine_operators()`."""
    return _wanted.get()
