"""Precision-recall curves of every class: a JSON file and a picture."""

import json
import math
import pathlib

import numpy as np

from od_api.core.printable import printable
from od_api.metrics.pascal_voc import average_precision
from od_api.pictures.draw import color_of

_ROWS_OF_LEGEND = 30
_NAME_LENGTH = 24


def write(directory, curves, *, title="precision and recall at IoU 0.5"):
    """Writes pr_curves.json and pr_curves.png.

    Args:
      directory: where to; made if it is not there.
      curves: {class name: {"recall", "precision", "scores"}}, lists of equal length, as
        the evaluators' `curves()` gives them.
      title: above the picture.

    Returns:
      The path of the picture.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pr_curves.json").write_text(json.dumps(curves) + "\n")
    path = directory / "pr_curves.png"
    plot(curves, title).savefig(path, dpi=110, bbox_inches="tight")
    return path


def plot(curves, title):
    """A matplotlib figure: a line a class, the legend beside the axes."""
    # Here because matplotlib takes a second to import and few callers plot. No pyplot:
    # it needs a display where one is configured, and keeps every figure.
    from matplotlib.figure import Figure

    columns = max(1, math.ceil(len(curves) / _ROWS_OF_LEGEND))
    legend_width = 2.5 * columns
    figure = Figure(figsize=(7 + legend_width, 6.5))
    axes = figure.add_axes(
        [0.7 / (7 + legend_width), 0.1, 6 / (7 + legend_width), 0.82]
    )
    for i, (name, curve) in enumerate(_best_first(curves)):
        recall, precision = curve["recall"], curve["precision"]
        label = f"{_short(name)} {_area(curve):.2f}"
        color = [c / 255 for c in color_of(i)]
        axes.plot(recall, precision, color=color, label=label, linewidth=1.4)
    axes.set(
        xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=title
    )
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0,
            ncols=columns,
            fontsize=8,
            title="class, area under the curve",
            title_fontsize=8,
        )
    else:
        axes.text(0.5, 0.5, "no ground truth", ha="center", va="center")
    return figure


def _best_first(curves):
    return sorted(curves.items(), key=lambda item: -_area(item[1]))


def _area(curve):
    return average_precision(np.array(curve["recall"]), np.array(curve["precision"]))


def _short(name):
    # A leading underscore would hide the entry, a dollar sign start a formula.
    name = printable(name).replace("$", r"\$").lstrip("_")
    return name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…"
