"""A diagnosis as plain text: intervals, kinds of errors, and a line for each class."""

import io

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from od_api.core.printable import printable
from od_api.metrics.diagnosis.diagnosis_numbers import (
    floored,
    of_interval,
    short,
    worst_first,
)

# More lines do not fit a screen beside the rest.
_MOST_CLASSES = 16
_NUMBERS = ("AP", "AP50", "AR", "objects", "found", "score", "precision", "recall")


def as_text(report, every_class=False):
    """Text of a Diagnosis's `report`.

    Args:
      report: the dict.
      every_class: a line for every class, else the worst and best of many.
    """
    text = io.StringIO()
    console = Console(file=text, width=100, color_system=None)
    if report["intervals"]:
        of_map, of_50 = (of_interval(report["intervals"][k]) for k in ("mAP", "mAP50"))
        samples = f"{report['intervals']['samples']} samples of the images"
        console.print(
            f"\n95 % intervals, of {samples}: mAP {of_map}, at IoU .5 {of_50}"
        )
    if report["errors"]:
        console.print("\nmAP at IoU .5 that errors cost (TIDE):")
        console.print(_errors(report["errors"]))
    console.print("\nclasses, worst first; at the score of best F1:")
    rows = worst_first(report["classes"])
    chosen = rows if every_class else _few(rows)
    console.print(_classes(chosen))
    if len(chosen) < len(rows):
        left_out = len(rows) - len(chosen)
        console.print(f"{left_out} more classes: --per-class shows them all")
    if report["threshold"]:
        console.print(_of_all(report["threshold"]))
    lines = text.getvalue().rstrip().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _errors(errors):
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, row in errors["errors"].items():
        table.add_row(name, short(row["dAP"]), f"{row['count']} of them")
    table.add_row("all false positives", short(errors["false_positives"]), "")
    table.add_row("all false negatives", short(errors["false_negatives"]), "")
    return table


def _few(rows):
    """The worst and the best; those that no image shows say nothing."""
    if len(rows) <= _MOST_CLASSES:
        return rows
    known, half = [row for row in rows if row["AP"] is not None], _MOST_CLASSES // 2
    return known if len(known) <= 2 * half else [*known[:half], *known[-half:]]


def _classes(rows):
    table = Table("class", box=None, pad_edge=False)
    for name in _NUMBERS:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row):
    best = row["threshold"] or {}
    return (
        escape(printable(row["name"])),
        *(short(row[k]) for k in ("AP", "AP50", "AR")),
        *(str(row[k]) for k in ("objects", "detections")),
        floored(best.get("score")),
        *(short(best.get(k)) for k in ("precision", "recall")),
    )


def _of_all(best):
    return (
        f"all classes: best F1 {short(best['f1'])} from a score of "
        f"{floored(best['score'])} on, precision {short(best['precision'])}, recall "
        f"{short(best['recall'])}"
    )
