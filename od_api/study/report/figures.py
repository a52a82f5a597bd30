"""Figures as pictures: PNG and SVG by matplotlib, the same ones that the page draws."""

import itertools

from od_api.core.printable import printable
from od_api.pages.colours import COLOURS, INK, plain
from od_api.study.analyses.analysis import PUBLISHED

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Of a name that is a number.
_DIGITS = 19


def orders(analyses):
    """{axis: its values in the order of their colours or markers}, of all figures.

    So that an extractor has the same colour in all of them.
    """
    found = {}
    for figure in (f for a in analyses for f in a.figures if not f.bars):
        for axis, field in ((figure.hue, "hue"), (figure.shape, "shape")):
            values = dict.fromkeys(getattr(p, field) for p in figure.points)
            found.setdefault(axis, {}).update(values)
    return {axis: sorted(values, key=_natural) for axis, values in found.items()}


def _natural(value):
    """Numbers by size, before words."""
    if value.isascii() and value.isdigit() and len(value) < _DIGITS:
        return (0, int(value), "")
    return (1, 0, value)


def _plain(text):
    return plain(printable(text))


def save(figure, folder, order):
    """Writes <key>.png and <key>.svg; returns the former's path.

    Args:
      figure: Figure.
      folder: where to.
      order: what `orders` gives for the whole report.
    """
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{figure.key}.png"
    # The same data give the same file: no date, no random ids. Text stays text.
    settings = {"svg.hashsalt": figure.key, "svg.fonttype": "none"}
    with matplotlib.rc_context(settings):
        plotted = draw(figure, order)
        plotted.savefig(path, dpi=100, bbox_inches="tight")
        plotted.savefig(
            path.with_suffix(".svg"), bbox_inches="tight", metadata={"Date": None}
        )
    return path


def draw(figure, order):
    """The matplotlib figure."""
    # No pyplot: it needs a display where one is configured, and keeps every figure.
    from matplotlib.figure import Figure

    if figure.bars:
        count = len(dict.fromkeys(b.group for b in figure.bars))
        series = len(dict.fromkeys(b.series for b in figure.bars))
        plotted = Figure(figsize=(8, 1.2 + count * max(0.32, 0.2 * series)))
        _draw_bars(plotted.add_subplot(), figure)
    else:
        plotted = Figure(figsize=(7, 4.8))
        _draw_points(plotted.add_subplot(), figure, order)
    return plotted


def _draw_points(axes, figure, order):
    hues = _styles(figure, "hue", order, COLOURS)
    shapes = _styles(figure, "shape", order, MARKERS)
    for line in figure.lines:
        axes.plot(
            *zip(*line.points, strict=True),
            color=hues.get(line.hue, INK),
            linestyle="--" if line.dashed else "-",
            linewidth=1.2,
            zorder=1,
        )
    for p in figure.points:
        colour = hues[p.hue]
        axes.plot(
            p.x,
            p.y,
            marker=shapes[p.shape],
            markersize=7,
            linestyle="",
            markeredgecolor=colour,
            markerfacecolor="none" if p.source == PUBLISHED else colour,
            alpha=0.9,
        )
    _scale(axes.xaxis, figure.log_x, [p.x for p in figure.points])
    _scale(axes.yaxis, figure.log_y, [p.y for p in figure.points])
    axes.set(xlabel=figure.x, ylabel=figure.y, title=figure.title)
    axes.grid(alpha=0.3)
    _legend(axes, figure, hues, shapes)


def _styles(figure, field, order, styles):
    """{value: style} of the values that the figure has, in their order."""
    values = order[getattr(figure, field)]
    pairs = zip(values, itertools.cycle(styles), strict=False)
    used = {getattr(p, field) for p in figure.points}
    return {value: style for value, style in pairs if value in used}


def _scale(axis, log, values):
    """A logarithmic axis with plain numbers on it, where there is a range to show."""
    if not log or min(values) <= 0:
        return
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis._set_axes_scale("log")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _legend(axes, figure, hues, shapes):
    rows = []
    if figure.hue:
        rows += _hue_rows(hues, shapes if figure.shape == figure.hue else {})
    if figure.shape != figure.hue:
        rows += _shape_rows(shapes)
    rows += _line_rows(figure.lines)
    if any(p.source == PUBLISHED for p in figure.points):
        rows.append(_row("hollow: published", linestyle=""))
    if rows:
        axes.legend(
            handles=rows,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0,
            fontsize=8,
            frameon=False,
        )


def _row(label, **looks):
    """A row of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=_plain(label), **looks)


def _hue_rows(hues, shapes):
    """Each hue with the marker that it has, if hues and shapes are the same groups."""
    return [
        _row(name, marker=shapes.get(name, "o"), linestyle="", color=colour)
        for name, colour in hues.items()
    ]


def _shape_rows(shapes):
    looks = {"linestyle": "", "markerfacecolor": "none", "markeredgecolor": INK}
    return [_row(name, marker=m, **looks) for name, m in shapes.items() if name]


def _line_rows(lines):
    """One row for all plain lines of no models, one for all dashed ones."""
    rows = []
    for style, dashed in (("-", False), ("--", True)):
        names = [n.label for n in lines if n.dashed == dashed and not n.models]
        if names:
            rows.append(_row(names[0].split(", ")[0], color=INK, linestyle=style))
    return rows


def _draw_bars(axes, figure):
    names = list(dict.fromkeys(b.group for b in figure.bars))
    series = list(dict.fromkeys(b.series for b in figure.bars))
    height = 0.8 / len(series)
    for i, (name, colour) in enumerate(
        zip(series, itertools.cycle(COLOURS), strict=False)
    ):
        bars = [b for b in figure.bars if b.series == name]
        offset = (i - (len(series) - 1) / 2) * height
        where = [names.index(b.group) + offset for b in bars]
        axes.barh(
            where, [b.value for b in bars], height, color=colour, label=_plain(name)
        )
        for bar, y in zip(bars, where, strict=True):
            if bar.low is not None:
                ends = [bar.low, bar.high]
                axes.plot(ends, [y, y], color=INK, marker="|", linewidth=1)
    axes.set_yticks(range(len(names)), map(_plain, names), fontsize=8)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set(xlabel=figure.x, title=figure.title)
    axes.grid(axis="x", alpha=0.3)
    if len(series) > 1:
        axes.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False
        )
