"""Where the time of a round goes, by kinds of operations: TensorFlow's own trace of it.

Measures what the module `settings["of"]` measures, for fewer seconds.
"""

import collections
import importlib
import pathlib
import re
import tempfile

from timing import RATE

_SECONDS = 2.0
# "name of the node:kind", perhaps with details after "#".
_OPERATION = re.compile(r"(?P<node>[^:# ]+):(?P<kind>_?[A-Z]\w*)(#.*)?$")


def ours(settings):
    yield from _traced("ours", settings)


def old(settings):
    yield from _traced("old", settings)


def _traced(side, settings):
    import tensorflow as tf

    work = importlib.import_module(settings["of"])
    rounds = getattr(work, side)({**settings, "seconds": _SECONDS})
    yield next(rounds)
    while True:
        with tempfile.TemporaryDirectory() as folder:
            with tf.profiler.experimental.Profile(folder):
                next(rounds)
            yield shares(_seconds(pathlib.Path(folder)))


def shares(seconds):
    """{name: seconds} -> {name: part of the whole}, largest first."""
    whole = sum(seconds.values()) or 1.0
    return {name: s / whole for name, s in collections.Counter(seconds).most_common()}


def own_times(events):
    """{name: time} of one thread's events, each without those inside it.

    Args:
      events: (start, duration, name) of any unit; two of them overlap only if one is
        inside the other.
    """
    found, around = collections.Counter(), []
    for start, duration, name in sorted(events, key=lambda e: (e[0], -e[1])):
        while around and around[-1][0] <= start:
            around.pop()
        if around:
            found[around[-1][1]] -= duration
        found[name] += duration
        around.append((start + duration, name))
    return found


def kind_of(name):
    """The kind of operation that an event's name is about, or None."""
    match = _OPERATION.match(name)
    return match["kind"] if match and match["node"] != RATE else None


def _seconds(folder):
    """{kind of operation: seconds in all threads} of the trace in a folder."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    found = collections.Counter()
    for file in folder.rglob("*.xplane.pb"):
        for plane in xplane_pb2.XSpace.FromString(file.read_bytes()).planes:
            kinds = {key: kind_of(d.name) for key, d in plane.event_metadata.items()}
            for line in plane.lines:
                # What an operation traces inside itself is its own work.
                times = own_times(
                    (e.offset_ps, e.duration_ps, kinds[e.metadata_id])
                    for e in line.events
                    if kinds[e.metadata_id]
                )
                for kind, time in times.items():
                    found[kind] += time / 1e12
    return found
