"""Ending a process that waits for somebody who does not answer.

TensorFlow takes leave of every worker when a coordinator is let go, and waits for ever
for one that is stopped. So the coordinator is kept, and the process ends without that.
"""

import os
import sys

_kept = []


def keep(coordinator):
    """Has a coordinator live as long as the process, which then ends by `leave`."""
    if coordinator not in _kept:
        _kept.append(coordinator)


def leave(status):
    """The status; but where something was kept the process ends with it here."""
    if _kept:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
