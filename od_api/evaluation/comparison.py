"""Two sets of detections of the same images: what the second has more, how surely."""

import io

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.metrics.diagnosis import bootstrap
from od_api.metrics.diagnosis.diagnosis_numbers import of_interval, short

# Boxes of one object, from two readings of an image, are as near: pixels.
_TOLERANCE = 0.5
# As many classes whose AP differs most are printed.
_MOST_CLASSES = 12


def compared(first, second, samples=bootstrap.SAMPLES):
    """What differs between two Diagnoses, as a dict for JSON.

    Raises:
      UserError: they are not of the same images, objects and classes.
    """
    refuse_different(first, second)
    copies = bootstrap.samples(len(first.images), samples)
    sampled = [bootstrap.sampled(d.matches, copies) for d in (first, second)]
    gained = bootstrap.difference(*sampled)
    if gained["mAP"] is None:
        raise UserError("there is no object in the images: nothing can be compared")
    report = {"images": len(first.images), "samples": samples}
    for name, one in zip(("first", "second"), sampled, strict=True):
        report[name] = {
            "mAP": bootstrap.interval(one.mean, one.means)._asdict(),
            "mAP50": bootstrap.interval(one.mean50, one.means50)._asdict(),
        }
    report["difference"] = {
        **{name: gained[name]._asdict() for name in ("mAP", "mAP50")},
        "second_is_higher": gained["higher"],
    }
    report["classes"] = _classes(first.report, second.report)
    report["errors"] = _errors(first.report["errors"], second.report["errors"])
    return report


def refuse_different(first, second):
    """Raises UserError where two Diagnoses are not of the same images and objects."""
    only = [(first, set(first.images) - set(second.images), "second")]
    only += [(second, set(second.images) - set(first.images), "first")]
    for where, missing, other in only:
        if missing:
            name = printable(where.names[min(missing)]) or "without a name"
            raise UserError(
                f"the two were not evaluated on the same images: the {other} has no "
                f"image {name}, and lacks {len(missing)} of the other's "
                f"{len(where.images)}; name a config before them, whose "
                "eval_input_reader both are evaluated on"
            )
    classes = [
        [(r["id"], r["name"]) for r in d.report["classes"]] for d in (first, second)
    ]
    if classes[0] != classes[1]:
        there, here = (set(c) - set(o) for c, o in (classes, classes[::-1]))
        differs = ", ".join(f"{i} {printable(n)}" for i, n in sorted(there | here)[:4])
        raise UserError(
            f"the two have different label maps: of one alone are {differs}"
        )
    for image_id, (truth, _) in first.images.items():
        if not _same(truth, second.images[image_id][0]):
            raise UserError(
                f"the image {printable(first.names[image_id])} has other objects in "
                "the first evaluation than in the second: they cannot be compared"
            )


def _same(truth, other):
    return (
        np.array_equal(truth.classes, other.classes)
        and np.array_equal(truth.is_crowd, other.is_crowd)
        and np.allclose(truth.boxes, other.boxes, atol=_TOLERANCE)
    )


def _classes(first, second):
    rows = []
    for one, other in zip(first["classes"], second["classes"], strict=True):
        if one["AP"] is not None:
            gained = other["AP"] - one["AP"]
            values = {"first": one["AP"], "second": other["AP"], "difference": gained}
            rows.append({"id": one["id"], "name": one["name"], **values})
    return rows


def _errors(first, second):
    return {
        kind: {"first": row["dAP"], "second": second["errors"][kind]["dAP"]}
        for kind, row in first["errors"].items()
    }


def as_text(report, names):
    """Text of a comparison; `names` of the first and the second."""
    text = io.StringIO()
    console = Console(file=text, width=100, color_system=None)
    console.print(f"first:  {escape(names[0])}\nsecond: {escape(names[1])}")
    console.print(
        f"{report['images']} images, 95 % intervals of {report['samples']} samples\n"
    )
    console.print(_numbers(report))
    higher = report["difference"]["second_is_higher"]
    console.print(f"\nmAP of the second is higher in {higher:.1%} of the samples")
    console.print("\nmAP at IoU .5 that errors cost (TIDE):")
    console.print(_three_columns("error", report["errors"].items()))
    console.print("\nAP of the classes that differ most:")
    rows = sorted(report["classes"], key=lambda r: -abs(r["difference"]))
    chosen = [(r["name"], r) for r in rows[:_MOST_CLASSES]]
    console.print(_three_columns("class", chosen))
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())


def _numbers(report):
    table = Table("", box=None, pad_edge=False)
    for name in ("first", "second", "difference"):
        table.add_column(name, justify="right")
    for key, label in (("mAP", "mAP"), ("mAP50", "mAP at IoU .5")):
        columns = (report[name][key] for name in ("first", "second", "difference"))
        table.add_row(label, *map(of_interval, columns))
    return table


def _three_columns(title, rows):
    table = Table(title, box=None, pad_edge=False)
    for name in ("first", "second", "difference"):
        table.add_column(name, justify="right")
    for name, row in rows:
        gained = row["second"] - row["first"]
        values = (short(row["first"]), short(row["second"]), f"{gained:+.3f}")
        table.add_row(escape(printable(name)), *values)
    return table
