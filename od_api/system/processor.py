"""The processor that this program runs on."""

import os
import pathlib
import platform


def cpu_name():
    """As Linux has it, else the kind of machine."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    for line in lines:
        if line.startswith(("model name", "Hardware")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def cores():
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
