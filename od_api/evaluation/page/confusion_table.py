"""The confusion matrix as a table of HTML: the more in a row, the darker the cell."""

import html

import numpy as np

from od_api.core.printable import printable
from od_api.metrics.diagnosis.confusion import most_frequent

# More columns do not fit a page; the classes with the fewest mistakes become one.
_MOST_CLASSES = 16
_MOST_PAIRS = 10
_BACKGROUND = "background"


def as_table(confusion):
    """HTML of the report's `confusion`."""
    names = [printable(name) for name in confusion["classes"]]
    matrix = np.array(confusion["matrix"])
    names, shown = _fewer(names, matrix)
    names = [*names, _BACKGROUND]
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>{_cells(row, i)}</tr>'
        for i, (name, row) in enumerate(zip(names, shown, strict=True))
    )
    head = "".join(f'<th scope="col"><span>{html.escape(n)}</span></th>' for n in names)
    table = (
        '<div class="scroll"><table class="confusion"><thead><tr>'
        f'<th class="corner">there \\ found</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    return table + _pairs(confusion["classes"], matrix)


def _fewer(names, matrix):
    """(names, matrix) with at most `_MOST_CLASSES` classes, and the background."""
    if len(names) <= _MOST_CLASSES:
        return names, matrix
    inner = matrix[:-1, :-1] * ~np.eye(len(names), dtype=bool)
    mistakes = inner.sum(axis=0) + inner.sum(axis=1)
    keep = np.sort(np.argsort(-mistakes, kind="stable")[: _MOST_CLASSES - 1])
    group = np.full(len(names) + 1, len(keep))
    group[keep], group[-1] = np.arange(len(keep)), len(keep) + 1
    shown = np.zeros((len(keep) + 2,) * 2, int)
    np.add.at(shown, (group[:, None], group[None, :]), matrix)
    rest = f"{len(names) - len(keep)} other classes"
    return [*(names[k] for k in keep), rest], shown


def _cells(row, place):
    total = max(int(row.sum()), 1)
    return "".join(_cell(int(n), n / total, i == place) for i, n in enumerate(row))


def _cell(count, share, is_right):
    if not count:
        return '<td class="number none">·</td>'
    kind = "right" if is_right else "wrong"
    return (
        f'<td class="number {kind}" style="--share: {100 * share:.0f}%" '
        f'title="{share:.0%} of the row">{count:,}</td>'
    )


def _pairs(names, matrix):
    pairs = most_frequent(matrix, _MOST_PAIRS)
    if not pairs:
        return ""
    items = "".join(
        f"<li>{_name(names[there])} taken for {_name(names[said])}: {count:,} of "
        f"{int(matrix[there].sum()):,}</li>"
        for there, said, count in pairs
    )
    return f"<h3>Classes taken for others most often</h3><ul>{items}</ul>"


def _name(name):
    return html.escape(printable(name))
