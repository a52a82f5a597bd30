"""The colours of series in figures, on light pages and on dark ones."""

# Okabe and Ito's colours, which stay apart for colour-blind readers; black is ink.
COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8a5fbf"),
    *("#7a7a7a", "#c0392b", "#4b6b1f"),
)
# The same hues, readable on a dark page.
DARK_COLOURS = (
    *("#4aa8e0", "#f0843a", "#2fc592", "#e39cc4", "#d9a92c", "#8accf2", "#b394e0"),
    *("#a9a9a9", "#ec7063", "#8fb45a"),
)
# Of text and axes, and of what is fainter, in figures that are drawn for both.
INK, FAINT, RULE = "#222222", "#5a636e", "#d6dae0"


def plain(text):
    """Text as matplotlib shows it, and not as a formula or a hidden entry.

    A dollar sign would begin a formula; legends leave out what begins with `_`.
    """
    return text.replace("$", r"\$").lstrip("_")
