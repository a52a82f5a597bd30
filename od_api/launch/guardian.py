"""Kills what a launcher has started once the launcher is gone, however it ended.

Run as a program of its own, without the package:

    python -I -S guardian.py < pipe

Each line of standard input is `+GROUP` or `-GROUP`: a process group has been started,
or has ended. The launcher holds the other end of the pipe; when it closes, because the
launcher ended or was killed, what is left of the groups is killed. A whole group,
because the train command may be a shell script that started others.
"""

import contextlib
import os
import signal
import sys


def main(lines):
    """Follows `lines` to their end, then kills the groups that are left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = set()
    for line in lines:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.stdin)
