"""The table of a running cluster: role, address, process, state, steps, images/s."""

import json
import pathlib
import time
from typing import NamedTuple

from rich.table import Table

HEADINGS = ("role", "address", "pid", "state", "steps", "images/s")
# The chief writes its file every two seconds; after so long it tells nothing of now.
_FRESH_SECONDS = 30.0
_STYLES = {"chief": "green", "ps": "blue", "evaluator": "magenta"}
_WORKER_STYLES = ("cyan", "yellow", "bright_cyan", "bright_yellow", "bright_green")
_STATE_STYLES = {
    "running": "green",
    "training": "green",
    "waiting": "cyan",
    "silent": "bold yellow",
    "gone": "bold red",
    "starting again": "yellow",
}


class Row(NamedTuple):
    """What the table says of one role, all of it text."""

    role: str
    address: str
    pid: str
    state: str
    steps: str
    speed: str


def style_of(name):
    """The colour of a role, always the same: `worker 1` -> yellow."""
    kind, _, index = name.partition(" ")
    if kind == "worker" and index:
        return _WORKER_STYLES[int(index) % len(_WORKER_STYLES)]
    return _STYLES.get(kind, "bold")


class StatusFile:
    """What the chief reports about training, in the file OD_API_CLUSTER_STATUS names.

        {"step": 120, "last_step": 1000, "images_per_second": 8.1,
         "staleness": {"mean": 1.9, "p95": 3.0},
         "workers": [{"steps": 61, "images_per_second": 4.0, "state": "training"}]}

    Args:
      path: the file, which may not exist yet.
    """

    def __init__(self, path):
        self._path = pathlib.Path(path)

    def read(self):
        """(report, whether it is fresh); an empty report where there is none."""
        try:
            age = time.time() - self._path.stat().st_mtime
            report = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}, False
        if not isinstance(report, dict):
            return {}, False
        return report, age < _FRESH_SECONDS


def make_rows(members, report, fresh):
    """A Row for each member.

    Args:
      members: have `role`, `pid` and `state`.
      report: of StatusFile.
      fresh: whether the report tells of now; then a worker's state is taken from it.
    """
    return [_row(member, report, fresh) for member in members]


def summary(report):
    """What is said below the table: how stale the gradients are."""
    staleness = report.get("staleness")
    if not isinstance(staleness, dict) or not {"mean", "p95"} <= set(staleness):
        return ""
    mean, p95 = _number(staleness["mean"]), _number(staleness["p95"])
    return f"gradient staleness: mean {mean}, 95th percentile {p95}"


def rich_table(rows, caption):
    """The table for a terminal."""
    table = Table(caption=caption or None, caption_justify="left")
    for heading in HEADINGS:
        right = heading in ("pid", "steps", "images/s")
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for row in rows:
        state = f"[{_STATE_STYLES.get(row.state, 'red')}]{row.state}[/]"
        role = f"[{style_of(row.role)}]{row.role}[/]"
        table.add_row(role, row.address, row.pid, state, row.steps, row.speed)
    return table


def plain_lines(rows, caption):
    """The table as lines of text with aligned columns."""
    cells = [HEADINGS, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADINGS))]
    lines = [
        "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return [*lines, caption] if caption else lines


def _row(member, report, fresh):
    role, state = member.role, member.state
    steps, speed = "", ""
    if role.kind == "chief":
        steps = str(report.get("step", ""))
        if report.get("last_step"):
            steps += f"/{report['last_step']}"
        speed = _number(report.get("images_per_second"))
    elif role.kind == "worker":
        worker = _worker(report, role.index)
        steps = str(worker.get("steps", ""))
        speed = _number(worker.get("images_per_second"))
        if fresh and state == "running":
            state = str(worker.get("state", state))
    pid = str(member.pid or "")
    return Row(role.name, role.address, pid, state, steps, speed if fresh else "")


def _worker(report, index):
    workers = report.get("workers")
    if isinstance(workers, list) and index < len(workers):
        worker = workers[index]
        return worker if isinstance(worker, dict) else {}
    return {}


def _number(value):
    return f"{value:.1f}" if isinstance(value, int | float) else ""
