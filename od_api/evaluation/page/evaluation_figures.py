"""The figures of an evaluation's page: matplotlib figures in the page's colours."""

import textwrap

import numpy as np

from od_api.core.printable import printable
from od_api.pages.colours import COLOURS, FAINT, INK, RULE, plain

# More lines could not be told apart.
_MOST_LINES = 8
_BLUE, _ORANGE, _GREY = COLOURS[0], COLOURS[1], COLOURS[7]


def _axes(width, height, **labels):
    # No pyplot: it needs a display where one is configured, and keeps every figure.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.add_subplot()
    axes.set(**labels)
    axes.tick_params(colors=INK)
    for side in axes.spines.values():
        side.set_color(RULE)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(INK)
    axes.set_axisbelow(True)
    return figure, axes


def precision_recall(curves, rows):
    """Precision over recall of the mean and of single classes.

    Args:
      curves: {class name: {"recall", "precision"}}, of the same recalls.
      rows: of the report's `classes`; the best and worst are drawn if they are many.
    """
    figure, axes = _axes(6.4, 4.6, xlabel="recall", ylabel="precision")
    ranked = sorted(
        (r for r in rows if r["name"] in curves), key=lambda r: -(r["AP50"] or 0)
    )
    if len(ranked) > _MOST_LINES:
        half = _MOST_LINES // 2
        ranked = ranked[:half] + ranked[-half:]
    for row, colour in zip(ranked, COLOURS, strict=False):
        curve = curves[row["name"]]
        label = f"{_short(row['name'])} {row['AP50'] or 0:.2f}"
        axes.plot(curve["recall"], curve["precision"], color=colour, label=label)
    if len(curves) > 1:
        recall = next(iter(curves.values()))["recall"]
        mean = np.mean([c["precision"] for c in curves.values()], axis=0)
        label = f"mean of {len(curves)} {mean.mean():.2f}"
        axes.plot(recall, mean, color=INK, linewidth=2.4, label=label)
    axes.set(xlim=(0, 1.005), ylim=(0, 1.02))
    axes.grid(color=RULE)
    _legend_beside(axes)
    return figure


def error_costs(errors):
    """A bar for each kind of error: how much AP at IoU .5 it costs."""
    rows = [
        (f"{name} ({row['count']:,})", row["dAP"], _BLUE)
        for name, row in errors["errors"].items()
    ]
    rows += [
        ("all false positives", errors["false_positives"], _ORANGE),
        ("all false negatives", errors["false_negatives"], _ORANGE),
    ]
    figure, axes = _axes(6.4, 3.4, xlabel="AP at IoU .5 that is lost")
    names, values, colours = zip(*rows, strict=True)
    axes.barh(names, values, color=colours)
    axes.set_xlim(0, max(max(values) * 1.18, 0.01))
    for y, value in enumerate(values):
        axes.annotate(
            f"{value:.3f}",
            (max(value, 0), y),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )
    axes.invert_yaxis()
    axes.grid(axis="x", color=RULE)
    return figure


def sizes(rows):
    """AP and AR of small, medium and large objects."""
    figure, axes = _axes(4.6, 3.4, ylabel="AP, AR")
    names = [
        f"{row['size']}\n{row['objects']:,} object{'s' * (row['objects'] != 1)}"
        for row in rows
    ]
    places = np.arange(len(rows))
    for offset, key, colour in ((-0.19, "AP", _BLUE), (0.19, "AR", _GREY)):
        values = [row[key] or 0 for row in rows]
        axes.bar(places + offset, values, 0.36, color=colour, label=key)
        for place, row in zip(places, rows, strict=True):
            text = "-" if row[key] is None else f"{row[key]:.2f}"
            axes.annotate(
                text,
                (place + offset, row[key] or 0),
                (0, 3),
                textcoords="offset points",
                ha="center",
                color=INK,
            )
    axes.set_xticks(places, names)
    axes.set_ylim(0, 1.08)
    axes.grid(axis="y", color=RULE)
    _legend_beside(axes)
    return figure


def reliability(found):
    """The share of right detections by their score, and how many there are."""
    bins = [b for b in found["bins"] if b["count"]]
    figure, axes = _axes(4.6, 3.4, xlabel="score", ylabel="share that is right")
    centres = [(b["low"] + b["high"]) / 2 for b in bins]
    width = 0.92 * (bins[0]["high"] - bins[0]["low"])
    axes.bar(centres, [b["right"] for b in bins], width, color=_BLUE)
    axes.plot([0, 1], [0, 1], color=_ORANGE, linestyle="--")
    for centre, one in zip(centres, bins, strict=True):
        count = _rounded(one["count"])
        axes.text(centre, 1.04, count, ha="center", fontsize=8, color=FAINT)
    axes.set(xlim=(0, 1), ylim=(0, 1.1))
    axes.grid(axis="y", color=RULE)
    return figure


def _rounded(count):
    """7, 1.2k, 35k, 2.1M: short enough for a bar."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if count >= size:
            value = count / size
            return f"{value:.0f}{unit}" if value >= 10 else f"{value:.1f}{unit}"
    return str(count)


def _legend_beside(axes):
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0,
            frameon=False,
            labelcolor=INK,
            fontsize=9,
        )


def _short(name):
    return textwrap.shorten(plain(printable(name)), 24, placeholder="…")
