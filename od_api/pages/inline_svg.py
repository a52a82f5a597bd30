"""A matplotlib figure as SVG inside a page: its colours are the page's."""

import html
import io
import re

from od_api.pages.colours import COLOURS, FAINT, INK, RULE

_NAMED = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    RULE: "var(--rule)",
    **{colour: f"var(--hue-{i})" for i, colour in enumerate(COLOURS)},
}
_FONTS = re.compile(r"'DejaVu Sans'[^;\"]*sans-serif")


def as_svg(figure, title):
    """An <svg> element.

    Args:
      figure: matplotlib Figure, drawn with the colours of `colours`, and else with
        none that has to differ between light and dark.
      title: what it shows, for those who cannot see it; unique in the page.
    """
    import matplotlib

    text = io.StringIO()
    # Ids are made of the salt; text stays text.
    with matplotlib.rc_context({"svg.hashsalt": title, "svg.fonttype": "none"}):
        figure.savefig(
            text,
            format="svg",
            bbox_inches="tight",
            transparent=True,
            metadata={"Date": None},
        )
    return _for_a_page(text.getvalue(), title)


def _for_a_page(text, title):
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Names that every figure has alike.
    used = set(re.findall(r"url\(#([^)]+)\)|xlink:href=\"#([^\"]+)\"", text))
    used = {name for pair in used for name in pair if name}
    text = re.sub(
        r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text
    )
    for colour, name in _NAMED.items():
        text = text.replace(colour, name)
    # The page's font: matplotlib's own may not be there, and is wider.
    text = _FONTS.sub("system-ui, sans-serif", text)
    label = f'<svg role="img" aria-label="{html.escape(title)}"'
    return text.replace("<svg", label, 1)
