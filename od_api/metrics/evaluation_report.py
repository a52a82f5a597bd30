"""The result of an evaluation as a file and as a table."""

import io
import json
import math
import os
import pathlib

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from od_api.core.printable import printable
from od_api.metrics import pr_curves
from od_api.system.json_files import read_json
from od_api.system.leftovers import workspace

_PER_CATEGORY = ("ByCategory/", "BySuperCategory/")


def write(directory, *, step, metrics, evaluators, label_map=None, diagnosis=None):
    """Writes eval_report.json, pr_curves.json and pr_curves.png.

    The report appears under its name only when it is complete.

    Args:
      directory: where to; made if it is not there.
      step: of the checkpoint; None of detections that were given.
      metrics: {name: float}, losses included; what is not finite becomes null.
      evaluators: those that the metrics came from.
      label_map: not needed; evaluators know the classes.
      diagnosis: what a Diagnosis has for JSON; None leaves it out.

    Returns:
      The report, as written.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    report = {
        "step": None if step is None else int(step),
        "images": max((e.num_images for e in evaluators), default=0),
        "metrics": {name: _finite(value) for name, value in metrics.items()},
        "classes": _classes(evaluators),
        "evaluators": [{"metrics_set": e.key, **e.settings()} for e in evaluators],
    }
    if diagnosis is not None:
        report["diagnosis"] = diagnosis
    path = directory / "eval_report.json"
    with workspace(path) as folder:
        temporary = folder / path.name
        temporary.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
        os.replace(temporary, path)
    curves = evaluators[0].curves() if evaluators else None
    if curves is not None:
        pr_curves.write(directory, curves)
    return report


def summary(metrics):
    """The metrics as a table in plain text, those of single classes left out."""
    text = io.StringIO()
    Console(file=text, width=100, color_system=None).print(_metrics_table(metrics))
    return text.getvalue().rstrip()


def show(report, console=None):
    """Prints a report: its metrics and a line for each class, worst AP last.

    Args:
      report: what `write` returned, or the path of an eval_report.json.
      console: a rich Console; standard output by default.
    """
    if not isinstance(report, dict):
        report = read_json(report, "evaluation report")
    console = console or Console()
    step = report["step"]
    of_what = "given detections" if step is None else f"step {step}"
    console.print(f"{of_what}, {report['images']} images")
    console.print(_metrics_table(report["metrics"]))
    if report["classes"]:
        console.print(_classes_table(report["classes"]))


def _classes(evaluators):
    """One dict a class: id, name, counts of the first evaluator, AP of every one."""
    rows = {}
    for evaluator in evaluators:
        for row in evaluator.per_class():
            counts = {k: v for k, v in row.items() if k != "AP"}
            entry = rows.setdefault(row["id"], {**counts, "AP": {}})
            known = row["AP"] is not None and row["AP"] >= 0
            entry["AP"][evaluator.key] = row["AP"] if known else None
    return list(rows.values())


def _finite(value):
    return float(value) if math.isfinite(value) else None


def _number(value):
    """-1 is how the COCO tools say that there was nothing to measure."""
    return "-" if value is None or value == -1 or value != value else f"{value:.4f}"


def _metrics_table(metrics):
    table = Table("metric", box=None, pad_edge=False)
    table.add_column("value", justify="right")
    for name, value in metrics.items():
        if not any(part in name for part in _PER_CATEGORY):
            table.add_row(escape(printable(name)), _number(value))
    return table


def _classes_table(classes):
    keys = list(classes[0]["AP"])
    table = Table("id", "class", box=None, pad_edge=False)
    for title in ("objects", "detections", *(f"AP {k}" for k in keys)):
        table.add_column(title, justify="right")
    worst_last = sorted(classes, key=lambda c: -(c["AP"][keys[0]] or 0))
    for row in worst_last:
        counts = str(row["groundtruth"]), str(row["detections"])
        values = (_number(row["AP"][key]) for key in keys)
        table.add_row(str(row["id"]), escape(printable(row["name"])), *counts, *values)
    return table
