"""The memory that is left on this machine."""

import pathlib


def free_memory():
    """Bytes that are free and that this program may take; None where nobody says."""
    known = [number for number in (_available(), _limit_of_group()) if number]
    return min(known) if known else None


def _available():
    """What Linux says is free, or can be made so."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def _limit_of_group():
    """What a container may take."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = pathlib.Path("/sys/fs/cgroup", name).read_text("ascii").strip()
        except OSError:
            continue
        return int(text) if text.isdigit() else None
    return None
