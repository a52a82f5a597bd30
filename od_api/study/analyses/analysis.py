"""What an analysis consists of: sentences, tables, figures. Nothing here draws."""

import itertools
import math
from typing import Any, NamedTuple

MEASURED, PUBLISHED = "measured", "published"
TIME, MAP = "median time of one image (ms)", "mAP (%)"


class Table(NamedTuple):
    """A table.

    Attributes:
      key: the stem of its file.
      title: one line.
      columns: names, with units.
      rows: lists of values; None where there is none.
      models: for each row the name of the model it is about, or None: the page
        filters by it. Empty if no row is about one model.
    """

    key: str
    title: str
    columns: list
    rows: list
    models: list = []  # noqa: RUF012 (never written to)


class Point(NamedTuple):
    """A point of a plot.

    Attributes:
      label: what a reader sees when pointing at it.
      hue, shape: the groups that give it its colour and its marker.
      model: name of the model, or None for what was published.
      source: MEASURED or PUBLISHED, which are drawn hollow.
    """

    x: float
    y: float
    label: str
    hue: str
    shape: str = ""
    model: str | None = None
    source: str = MEASURED


class Line(NamedTuple):
    """A line through points [(x, y)]; a fit has no models, and is dashed.

    Attributes:
      models: names of the models it joins: the page hides it with one of them.
      hue: as that of Point; None is ink.
    """

    label: str
    points: list
    models: list = []  # noqa: RUF012
    hue: str | None = None
    dashed: bool = False


class Bar(NamedTuple):
    """A bar; `low` and `high` are the ends of its error bar."""

    group: str
    series: str
    value: float
    low: float | None = None
    high: float | None = None
    model: str | None = None


class Figure(NamedTuple):
    """A plot of points and lines, or of bars.

    Attributes:
      key: the stem of its files.
      title, x, y: what is shown, with units.
      hue, shape: what the colours and the markers tell apart; "" for nothing.
      frontier: whether the page draws the optimality frontier of the points it shows.
    """

    key: str
    title: str
    x: str
    y: str
    hue: str = ""
    shape: str = ""
    log_x: bool = False
    log_y: bool = False
    frontier: bool = False
    points: list = []  # noqa: RUF012
    lines: list = []  # noqa: RUF012
    bars: list = []  # noqa: RUF012

    @property
    def is_empty(self):
        return not (self.points or self.bars)


class Analysis(NamedTuple):
    """One question of the study.

    Attributes:
      key: the stem of its anchor.
      title: one line.
      text: what is shown and how it is defined.
      findings: sentences with computed numbers.
      tables, figures: lists; empty ones are left out of the report.
    """

    key: str
    title: str
    text: str
    findings: list
    tables: list
    figures: list


def decimals(table):
    """For each column the decimals that its numbers are shown with; None for words.

    0 where all numbers are whole; else four digits of the largest, at most four
    decimals.
    """
    return [
        _decimals([row[i] for row in table.rows]) for i in range(len(table.columns))
    ]


def _decimals(values):
    known = present(values)
    if not known or not all(isinstance(v, int | float) for v in known):
        return None
    if all(float(v).is_integer() for v in known):
        return 0
    digits = 3 - math.floor(math.log10(max(abs(v) for v in known)))
    return min(4, max(0, digits))


def point(model, x, y, **settings):
    """A model's Point in the colours of its extractor, or None without x or y.

    Args:
      model: a Model.
      x, y: numbers or None.
      settings: fields of Point that differ.
    """
    if x is None or y is None:
        return None
    fields = {
        "label": model.label,
        "hue": model.extractor,
        "shape": model.meta_architecture,
        "model": model.name,
    }
    return Point(x, y, **{**fields, **settings})


def present(values):
    """A list without the Nones."""
    return [v for v in values if v is not None]


def mean(values):
    """Of what is not None; None if nothing is left."""
    values = present(values)
    return sum(values) / len(values) if values else None


def median(values):
    """Of what is not None; None if nothing is left."""
    values = sorted(present(values))
    middle = len(values) // 2
    if not values:
        return None
    return values[middle] if len(values) % 2 else mean(values[middle - 1 : middle + 1])


def change(before, after):
    """Percent from one number to another; None without both, or from 0."""
    if before is None or after is None or before == 0:
        return None
    return 100.0 * (after - before) / before


def grouped(models, key):
    """[(value, models)] in the order of the values; models without one left out."""
    known = [m for m in models if key(m) is not None]
    groups = itertools.groupby(sorted(known, key=key), key)
    return [(value, list(members)) for value, members in groups]


def fit_line(label, points, line):
    """The Line of a Fit over the points' range of x; None without a slope."""
    if line.slope is None:
        return None
    xs = [p.x for p in points]
    ends = [(x, line.slope * x + line.intercept) for x in (min(xs), max(xs))]
    return Line(label, ends, dashed=True)


def power_line(label, points, line):
    """The same of a Fit of logarithms."""
    if line.slope is None:
        return None
    xs = [p.x for p in points if p.x > 0]
    ends = [(x, 10**line.intercept * x**line.slope) for x in (min(xs), max(xs))]
    return Line(label, ends, dashed=True)


def number(value: Any, digits=1, unit=""):
    """A number for a sentence."""
    return "-" if value is None else f"{value:,.{digits}f}{unit}"
