import re
import xml.etree.ElementTree

from matplotlib.figure import Figure

from od_api.pages.colours import COLOURS, INK, RULE
from od_api.pages.inline_svg import as_svg


def svg(title="a & b"):
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 2], color=COLOURS[3], marker="o")
    axes.set_xlabel("width", color=INK)
    axes.grid(color=RULE)
    return as_svg(figure, title)


def test_colours_are_the_pages():
    text = svg()
    assert "var(--hue-3)" in text and "var(--ink)" in text and "var(--rule)" in text
    assert COLOURS[3] not in text and INK not in text


def test_it_is_an_element_with_text_and_a_name():
    root = xml.etree.ElementTree.fromstring(svg())
    assert root.get("aria-label") == "a & b" and root.get("role") == "img"
    texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "width" in texts
    assert "DejaVu" not in svg() and "system-ui" in svg()


def test_names_are_unique_among_figures_and_the_same_every_time():
    first, second = ({*re.findall(r' id="([^"]+)"', svg(t))} for t in ("a", "b"))
    assert first and not first & second
    assert all(f"#{name}" in svg("a") for name in first)
    assert svg("a") == svg("a")
